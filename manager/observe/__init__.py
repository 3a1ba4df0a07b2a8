"""What can be seen of workers and of the proxy, as numbers with the time they were taken.

Law: it reads (cgroups, health answers, the proxy's API) and decides nothing.

    counters, traffic          what the proxy counted, and the rates of it
    proxy                      what the proxy has taken of the routes
    health, verdicts           whether workers answer, asked all the time, and what their answers mean
    ask                        one question, asked once
    cgroups, consumption       what workers use: every second, and when somebody asks
    host_use, listeners        what of this machine is in use; who listens in a namespace
"""
