"""Keeps etcd's members and the proxy running, the proxy listening to etcd, and a keeper beside the managers.

Docker restarts a part that dies. It does not restart one that was stopped or removed by hand, knows nothing
of one that a signal has stopped, and waits up to a minute for one that keeps dying; this does, by label,
without needing etcd.

Law: it looks after what the cloud itself consists of, and touches no worker; what it does, `events` tell.

    parts   the containers of etcd's members and of the proxy run
    proxy   the proxy takes up what etcd tells, and answers
    keeper  a keeper runs
"""
