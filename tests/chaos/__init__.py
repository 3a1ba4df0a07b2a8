"""A real cloud under faults, load and an operator, all from one seed; and what must hold all the while.

Law: nothing here asks the product whether it is well where the machine, the store or a client can tell.

schedule is made up-front from a seed, and saved; ground is the cloud on which it happens; faults are what
befalls; operator gives the commands and keeps what was acknowledged; watch looks at what must hold at every
moment (invariants), settled at what must hold at the end; scene puts them together and leaves a folder,
verdict judges. test_chaos plays a short seed, those that broke something once, and with
`./simplecloud test --chaos 10m` a long one.

Two faults are not here. A dockerd without live-restore ends every worker, also the untouched: it has a test
of its own (tests/real/test_dockerd_deaths), under load and with what else is watched for. And the time of
day is the whole machine's, not to be set for one cloud: tests/simulation sets it, at any turn of a history.
"""
