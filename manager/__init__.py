"""The daemon that keeps a cloud as its operators asked for it.

Law: this is the only package that composes. docker is imported in manager.engine only, etcd3 in
manager.store only; decisions (manager.plan) are functions of values (manager.state); the shell may import
manager.api and nothing else.

    api       the published language: commands, views, errors, frames
    state     what a cloud is; pure
    plan      what to do next; pure
    loop      look, plan, apply
    scaling   the autoscaler's eyes, hands and memory
    service   what each command does
    engine    Docker
    store     etcd
    observe   cgroups, health, the proxy's numbers
    programs  files that were copied in
    tend      etcd's members, the proxy and a keeper go on running
    journal   what happened, kept in the store
    secrets   what workers are given to know, and no record says
    host      the cloud on this machine: up, down, doctor, images, the keeper
    daemon    one manager: it stands by, leads and ends (lead), builds its parts (core), answers (server)
    procfs    what the kernel tells of a process
    failpoint where a test has a manager die
"""
