"""What the load balancer should do and how many workers an application should have.

Law: numbers and values in, decisions out. No I/O, no clock, no threads, no logging. numpy is imported
here and nowhere else.

How many workers, in the order to read it: each module knows only those above it.

    samples    what one tick saw of an app, and the arrival rate in it
    smoothing  how what was learned loses its weight
    fit        R1, a regression: cores on workers and requests, so the requests/s of one full worker
    latency    R2, a regression: the share of slow requests on the utilization of the workers
    surprises  how likely demand is to come out far above its forecast
    forecast   R3, weighted lines through the arrival rates: the demand once a new worker is ready
    trial      more workers, where requests are slow and no regression tells why
    codec      values as JSON
    memory     all that one decision leaves for the next
    host       the cores that workers may use, and those that neighbours use and keep
    choose     the expected cost of each number of workers; the cheapest, and the thresholds around it
    hidden     the arrival rate where waiting requests cannot be counted
    learn      which numbers of a tick may enter which regression
    decision   a decision with its arithmetic
    tell       that arithmetic filled in, and the reason in words
    pick       the number for one sample, before any limit
    standby    how many spares stand by
    decide     one tick: look, learn, pick, limit
    share      a full host divided among its apps
    crowd      all apps of one tick
    whatif     recorded ticks under another policy

What the proxy is told, which knows nothing of all that:

    cloud_keys, routes   its keys, of the cloud and of each app
    proxy                its command line

Words and the terms of queueing theory: demand is the arrival rate (lambda, requests/s), a worker's rate its
service rate when full (mu), utilization demand / (workers * rate) (rho), waiting the requests in the system
(L), took_s the time in it (W). Slow is a request that took longer than the objective, slo_s.
"""
