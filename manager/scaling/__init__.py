"""The autoscaler at work: what it sees, what it remembers, what it does with a decision.

Law: decisions are balancer's; here numbers are gathered for them, once a second, and targets are written.

    measure      what workers use and the proxy counts, kept for the windows that decisions look at
    observation  one tick of an application, as a decision takes it
    scaler       decisions asked for, targets and reasons written
    holding      when a limit begins to hold an app down, and when none does any more
    recording    the load of the last day, for `whatif`
"""
