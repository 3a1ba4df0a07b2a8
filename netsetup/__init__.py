"""Linux networking for one cloud: a bridge, a veth per port, and the rules between them.

Law: this package knows interfaces, addresses, namespaces and nft rules; it knows no application, no
Docker and no etcd. pyroute2 is imported here and nowhere else.

    network             Network, which brings these together: all that a manager asks for
    addresses, port     names, addresses and marks, derived; what may pass at a port
    bridge, attach      the bridge as it shall be, and a namespace joined to it
    isolation           who may talk to whom, as nft tables and their elements
    rules, nft          these in the kernel, through nftables
    forwarding          Docker's own filter, which must let our frames pass
    links, netlink      one function for each thing the kernel is asked; its sockets
    namespace, sysctl   work inside a namespace, and the kernel's settings there
    sockets, counters   requests that wait for answers; bytes that passed a port
    news                that links, addresses or rules changed
    survey              what carries the mark of any cloud on this machine
    errors              what can go wrong
"""
