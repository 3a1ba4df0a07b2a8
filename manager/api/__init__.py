"""The published language of a cloud: commands, views, errors, frames, places.

Law: standard library only, no I/O beyond the socket's frames; shared by the shell and the manager, so
what one says the other understands.

    commands, rows, command   the one table of commands, its rows, and what a row is
    typed, arguments, values  the words of a command, what they stand for, checked
    quantities, addresses     how much, how long, and where
    agreement, copying        what options have to be to each other; what `cp` means
    forms, amounts            that for each command; how many workers the words of `scale` ask for
    suggest, cite             the word that was meant; how a message names it
    views, status, listings   items, the cloud's own state, and the tables that are made of them
    documents                 what is around them all
    errors                    everything that can go wrong
    wire, attached            the socket's frames; a command inside a worker
    places                    where a cloud keeps its things
"""
