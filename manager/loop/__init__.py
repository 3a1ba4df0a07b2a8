"""The loop: look at everything, plan, carry it out; an event only means "look again".

Law: this is where plans meet the store, Docker and the network. It decides nothing that manager.plan could.

    reconcile   the loop, its pace and its guard
    look        everything there is, at one moment
    apply       one step after the other
    kept        what stays of an app for an undo
    order       the container that a worker runs in
    hindrances  what a step failed at, in words, until it goes well
    hosts       the files of names that workers have as /etc/hosts
    readiness   events of workers that stop answering, and that answer again
"""
