# Updates while requests flow: new workers replace the old ones one by one. An update whose workers do
# not get ready is rolled back by itself, and nobody outside notices.
#
#     ./simplecloud < demos/5-updates.sc

run -n 3 -p 8000 shop ./demos/server.py 8000
load shop --rps 50 --for 12s --detach

update -e GREETING=hello shop
expect shop revision == 2

# This one cannot work: exit 1 with what the worker printed last, and revision 2 goes on as if nothing had been.
expect error "| no configuration" update shop sh -c 'echo no configuration; exit 3'
expect shop revision == 2
expect shop ready == 3
history shop

rollback shop --to 1
undo shop

wait load shop done
expect load shop failed == 0

# A removal can be taken back too.
rm shop -y
undo shop
expect http shop / --contains "hello from shop" --count 20
rm shop -y
