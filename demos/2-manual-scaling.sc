# Scaling by hand while requests flow: up, down, one worker stopped and started, all replaced.
# Workers that leave finish their open requests first, so none is lost.
#
#     ./simplecloud < demos/2-manual-scaling.sc

run -n 1 -p 8000 shop ./demos/server.py 8000

load shop --rps 50 --for 15s --path /?ms=100 --detach
scale shop=4
expect shop ready == 4
scale shop=1
scale shop +2
expect shop want == 3

stop shop.2
expect shop want == 2
start shop.2
expect shop ready == 3

# New workers for all, one by one; each is ready before the one it replaces leaves.
restart shop
expect shop revision == 2
expect shop ready == 3

wait load shop done
expect load shop failed == 0
expect load shop ok >= 700

# Down to none and back: without a worker the proxy answers 503.
scale shop=0
expect error "503" expect http shop /
scale shop=2
expect http shop / --contains "hello from shop" --count 20

# Spares are started and ready before they are wanted, and paused until then: a scale-up lets them go on.
update shop --spares 3
wait shop spares == 3
ps shop -a
scale shop=5
expect http shop / --contains "hello from shop.5" --timeout 20s
wait shop spares == 3

rm shop -y
