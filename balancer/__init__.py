"""What the load balancer should do and how many workers an application should have.

Law: numbers and values in, decisions out. No I/O, no clock, no threads, no logging. numpy is imported
here and nowhere else.

    samples, hidden      what one tick saw of an app, and what it was asked for
    host                 the cores that its workers may use, and those of neighbours
    fit, latency         R1 and R2: what requests cost in CPU, and how many of them are slow
    forecast, surprises  R3: the demand to come
    smoothing            how what was learned loses its weight, and how much numbers stray
    learn, memory        which numbers teach what; all that is remembered
    choose, pick         what a number of workers costs; the number before any limit
    standby              how many spares stand by
    decide               one tick's decision
    decision, tell       a decision with its arithmetic, and in words
    share, crowd         several apps on one host
    whatif               recorded ticks under another policy
    codec                values as JSON
    routes, cloud_keys   the proxy's keys, of apps and of all
    proxy                the proxy's command line
"""
