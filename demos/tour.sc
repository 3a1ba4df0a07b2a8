# The tour: everything that simplecloud is for, on real containers. Run it with
#
#     ./simplecloud < demos/tour.sc
#
# Every line that begins with `wait` or `expect` must be true, so the tour is a test too.

# --- 1. Applications: a Linux command in N workers. ./demos/server.py is copied in.
run -n 3 -p 8000 web ./demos/server.py 8000
run -n 2 -p 8000 api ./demos/server.py 8000
run -p 9000/tcp pong busybox nc -ll -p 9000 -e cat
apps
ps
expect web ready == 3
expect api ready == 2
expect pong ready == 1

# --- 2. The load balancer: each app answers by its name, and only itself.
routes
expect http web / --contains "hello from web" --count 30 --failed 0
expect http api / --contains "hello from api" --count 30 --failed 0

# --- 3. Scaling by hand, under load, without a failed request.
load web --rps 50 --for 20s --detach
scale web=5
expect web ready == 5
scale web=2
expect web want == 2
wait load web done
expect load web failed == 0
expect load web ok >= 900

# --- 4. One worker is stopped and started.
scale web=3
stop web.2
expect web want == 2
ps web -a
start web.2
expect web ready == 3

# --- 5. The manager is killed. The workers never notice, and the next manager carries on.
crash manager --prove -y
wait manager up
scale web +1
expect web ready == 4

# --- 6. A worker is killed and replaced.
crash web.1 -y
wait web.1 restarts >= 1
wait web ready
expect http web / --count 50 --failed 0
events --app web --since 5m

# --- 7. All down, and proof that nothing is left.
status
rm web api pong -y
down
