# An app that scales itself: the load rises, workers follow up to the maximum; the load ends, they go.
# At no time does the operator touch anything.
#
#     ./simplecloud < demos/4-autoscale.sc

# Each request costs 15 ms of CPU, and a worker may use a fifth of a core: one carries about 12 a second.
run -p 8000 --cpus 0.2 --max 3 shop ./demos/server.py 8000
autoscale

load shop --ramp 3:30 --for 40s --path /?cpu=15 --detach
wait shop want >= 2 --timeout 60s
explain shop
wait shop want == 3 --timeout 60s
expect shop want <= 3
wait load shop done
expect load shop ok > 500
apps shop
explain shop

# A plain scale would fight the autoscaler, so it is refused with the two ways out.
expect error "is autoscaled" scale shop=5

# Nobody asks any more: the workers go.
wait shop want == 1 --timeout 2m
events --app shop --since 5m
rm shop -y
