"""What each command of the manager does.

Law: a module per purpose. Reading commands show the last picture; changing ones store a spec in one
transaction (changes) and wait until the loop has made it true (waiting). No worker is started or ended here,
but by a drill; inside and copying go into one, as they are told.

    dispatch, verbs           from a request to the function that answers it
    changes, waiting          what is wanted, stored once for each request; until it is so
    progress                  what a client is told meanwhile
    intake, targets           what comes with a command; which workers a word means
    apps, revisions           which workers there are; what they are made from, and back
    scaling, whatif           the autoscaler's policy and decisions; another policy's
    freezing, secrets         what is left alone; what workers are given to know
    rescue, drills            what was lost, brought back; what is killed, to see it mended
    reading, describing       apps, workers, routes, images and events
    status, stats, watching   the cloud, what workers use, and all that as it changes
    show                      a picture as the views that people and programs read
    network, tracing, hops    the bridge; the way of a request, as it is and as it should be
    inside, copying, logs     commands, files and lines of workers
"""
