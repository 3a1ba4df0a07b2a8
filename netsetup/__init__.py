"""Linux networking for one cloud: a bridge, a veth per port, and the rules between them.

Law: this package knows interfaces, addresses, namespaces and nft rules; it knows no application, no
Docker and no etcd. pyroute2 is imported here and nowhere else.
"""
