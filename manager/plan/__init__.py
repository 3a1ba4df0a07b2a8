"""What to do next, as functions of one picture of the cloud.

Law: pure; the clock is an argument, and steps come out. A step may be repeated, and whoever carries it out
may end before it, in it or after it: the next plan goes on from whatever there is then.

    plan     the whole: which steps, in which order
    draft    what is collected until it is put in order
    steps    the steps that there are
    slots    which worker each slot shall have
    life     the next step of one worker's life
    spares   workers that are made before they are wanted
    updates  how an update ends
    wiring   what a worker may reach
    clock    a clock that was set, and the times in records
    foresee  what a change brings, for `--dry-run`
"""
