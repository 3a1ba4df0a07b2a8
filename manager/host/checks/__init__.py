"""What `doctor` looks at: this machine, one cloud on it, and what other clouds left behind.

Law: a check never changes anything and never raises for what it finds; what it can mend without asking, it
hands over as a function. Nothing here needs a manager, and each check works with as little as it can: no
Docker, no etcd, no root.

    finding     a check's result, and the way to mend it
    machine     programs, Docker, images, the group, names, space, the clock
    processes   keeper, managers, their socket
    parts       etcd, the proxy, their ports, the subnet
    records     what the store holds, against what can be read and what runs
    leftovers   what carries the mark of a cloud that is down
"""
