"""The manager's own code on a world of fakes, under a clock that only the simulation moves.

Law: nothing here decides what the manager does. Sight, plan, Effects, Reconciler, Leadership and Changes are the
product's; store, Docker, network, proxy, probes and clients are fakes that behave, and fail, as the real
ones were seen to. No threads, no sleeping: one seed or one list of faults is one history, for ever.
"""
