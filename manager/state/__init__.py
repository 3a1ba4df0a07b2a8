"""What a cloud is, as values: what operators asked for, the record of each worker, one picture of it all.

Law: pure; a value is made, compared and written as text here, and nothing is looked at or changed.

    model      applications, their revisions, records of workers
    ending     how a worker ended, and when the next one is started
    remedy     which command keeps workers from ending like that again
    records    the same as text for the store, and back
    world      one picture: what is wanted, what is recorded, what is there
    phase      what each worker is doing, and why
    wishes     what commands make of an application
    guards     what no record may say
    taken_back what an undo takes back, as commands
    specs      applications among each other: names, routes, ports, who reaches whom
    templates  what workers are made from, and how the options of `run` and `update` say it
    options    and those options, read back from it
"""
