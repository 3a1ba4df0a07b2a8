"""Containers on this machine's Docker: the workers of a cloud, its parts, and the images they run from.

Law: docker is imported here and nowhere else, and what is true only of Docker on this host stays here.
Containers are found by label and made by name, and images are pulled only on request; every call has a
time limit, and a call that ran into it has an unknown result: look again.

    contract      what the rest of the manager may ask of an engine, real or fake
    orders        what is wanted of a container
    containers    what is there
    payload       an order as Docker's API takes it, and what of it Docker did not keep
    decode        Docker's answers as our values
    connection    clients, one a thread at a time; Docker's errors become ours
    inspections   containers listed and inspected, and what is known of those that have not changed
    birth         the namespace of a container that is about to start
    streams       logs and events, which end when another thread says so
    execs         commands inside running workers
    files         files of workers, copied in and out
    parts         the cloud's own containers
    images        what containers are made from
    probe         a look at the files in an image
    pull          an image from its registry
    kernel_log    what ended for want of memory, where Docker did not hear of it
    survey        what Docker has of every cloud on this machine
    docker_engine DockerEngine, which brings these together and keeps the workers
"""
