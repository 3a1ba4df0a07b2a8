"""The terminal's side of a cloud: prompt, scripts, rendering, load generator.

Law: it knows the published language (manager.api) and terminals, nothing else. prompt_toolkit and
tabulate are imported here and nowhere else, and only when they are needed.

    main, asked          which way to run, by the program's arguments (__main__ and late load it fast)
    prompt, script       lines that are typed, and those of a file; statements carries either out
    attempt, outcome     one command tried, and how it may end
    dispatch             who carries a command out:
      remote             the manager, asked by client; stream, following: what it tells as it happens
      local              this shell: options, recording, secret, waiting (sights) and the packages below
      host               this host, before a manager runs
    session              what a shell has while it runs
    files, variables     what goes with a command
    printing, pager      where results go; progress, terminal, soon: on a terminal
    place, pasted        what of the input an error is about, its hint as it can be pasted; file_errors
    language             text to statements, words to commands and conditions
    text                 what the manager answered, as text
    manual               help, topics, the man page, completion for bash and zsh
    apps                 apply, diff, export, import
    live                 watch
    traffic              load, and the proof of crash
    worker               exec, cp
"""
