# The manager is killed with SIGKILL while requests flow. The containers run on, no request fails,
# and the next manager carries on from what etcd holds.
#
#     ./simplecloud < demos/1-manager-crash.sc

run -n 3 -p 8000 shop ./demos/server.py 8000
expect shop ready == 3

# Once with the proof: the same containers, the same start times, requests sent and failed.
crash manager --prove -y

# Once more, with a load of our own and a change right behind the crash.
load shop --rps 50 --for 6s --detach
crash manager -y
scale shop=5
expect shop ready == 5
wait load shop done
expect load shop failed == 0

rm shop -y
