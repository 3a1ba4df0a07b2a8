"""A cloud on this machine: set up, kept running, looked after and taken down, with a manager or without.

Law: what is done here is done again without harm, one `up` or `down` at a time, and nothing of it changes
what was asked of an application. It must work where little does: no Docker, no etcd, no manager.

    up, down, doctor   the three commands, and boot
    setup              what a bare machine lacks: packages, dockerd
    access             who reaches a cloud: root and the group
    packages, commands apt's packages; commands of the system
    settings, choose   what is decided at the first `up`, and how
    recall             the settings, also where their file is lost
    remains, network   what there is of a cloud on this machine; its bridge and rules
    docker_host        which Docker a cloud is on
    dockerd, systemd   what keeps it there: a dockerd of ours, units
    images             the images that a cloud needs, built here
    recipe             how one is made: base_image, program_image
    parts, members     etcd and the proxy as containers; members that lost their data
    external_etcd      an etcd of the operator's own
    keeper, processes  the managers of a cloud: kept running, and found
    holds              what a drill keeps from being started again
    liveness, ports    whether a cloud is up; who has a port
    renew              workers that a freeze left, asked for again
    turn, telling      one at a time, and in numbered steps
    files              written whole, or left as they were
    checks             what `doctor` looks at
"""
