# Many applications at once: http by name and by path, tcp on a port of its own, one without a route,
# one that ends by itself, one that cannot start. Each is reached by its own name only.
#
#     ./simplecloud < demos/3-many-apps.sc

run -n 2 -p 8000 web ./demos/server.py 8000
run -n 2 -p 8000 web-1 ./demos/server.py 8000
run -n 2 -p 8000 --host shop.example.test --path /store shop ./demos/server.py 8000
run -p 9000/tcp echo busybox nc -ll -p 9000 -e cat
run clock sh -c 'while :; do date; sleep 1; done'
run --restart no once sh -c 'echo my work is done'

apps
routes

# `web` and `web-1` are neighbours in the alphabet and strangers to the proxy.
expect http web / --contains "hello from web." --count 20
expect http web-1 / --contains "hello from web-1." --count 20
expect http shop / --contains "hello from shop." --count 20
expect clock ready == 1
logs once

# A route belongs to one app, and a name too.
expect error "shop has the route" run -p 8000 --path /store thief ./demos/server.py 8000
expect error "named web already" run -p 8000 web ./demos/server.py 8000
expect error "has no command" run lost no-such-command

# One that ends at once is started again, ever more slowly, and says why.
expect error "exit code 3" run broken sh -c 'echo no configuration; exit 3'
expect broken note contains "no configuration" --timeout 10s

# Taking one away leaves the others alone.
rm web broken -y
expect http web-1 / --contains "hello from web-1." --count 20

rm web-1 shop echo clock once -y
