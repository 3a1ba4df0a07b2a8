"""The manager's own code on a world of fakes, under a clock that only the simulation moves.

Law: nothing here decides what the manager does. Sight, plan, Effects, Reconciler, Leadership and Changes are
the product's; store, Docker, network, proxy, probes and clients are fakes that behave, and fail, as the real
ones were seen to. No threads, no sleeping: one seed or one list of faults is one history, for ever.

faults decides what comes of an effect; edges, network, proxy and prober are the fakes; manager is one manager
process, operator gives the commands, misfortunes befall, cloud lets it all go on, judge says what must hold.
histories are the scenarios and the made-up ones, which begin with copies of one cloud (copies); mutants are
the faults that must be found. worlds has pictures for unit tests.
"""
