"""The program: which of its four ways to run the arguments ask for.

simplecloud VERB ARGS...     one command; the cloud is not started for it
simplecloud -f FILE          a script (-: of the standard input), read and checked whole before anything runs;
                             so is -c TEXT
simplecloud < FILE           a script, line by line as it comes
simplecloud                  on a terminal: the prompt
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence

from manager.api.errors import CloudError
from manager.api.places import Places, cloud_of, places_of
from shell import terminal
from shell.asked import Asked, no_script, take
from shell.attempt import execute_words
from shell.dispatch import perform
from shell.outcome import Interrupted, Told
from shell.session import Session

_HUNG_UP = 141  # what a shell reports for a program that ended by SIGPIPE


def main(arguments: Sequence[str], find: Callable[[str | None], Places] = places_of) -> int:
    """Run the program and return its exit code; `find` tells where the named cloud keeps its things."""
    _ready_streams()
    asked = Asked()
    try:
        take(arguments, asked)
        code = _run(asked, find)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:  # between two commands
        return _told(Interrupted("interrupted"), asked.cloud)
    except BrokenPipeError:
        _forget_stdout()
        return _HUNG_UP
    except CloudError as error:
        return _told(error, asked.cloud)
    except OSError as error:  # of stdout: a full disk, say
        _forget_stdout()
        return _told(CloudError(f"cannot go on: {error.strerror or error}"), asked.cloud)


def _ready_streams() -> None:
    """The standard streams take and give any character, and one that was closed by the caller takes all."""
    sys.stdout, sys.stderr = (
        stream or os.fdopen(os.open(os.devnull, os.O_WRONLY), "w") for stream in (sys.stdout, sys.stderr)
    )
    for stream in (sys.stdin, sys.stdout):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _told(error: CloudError, cloud: str | None) -> int:
    from shell.pasted import pasted
    from shell.text import complaint

    error.hint = pasted(error.hint, cloud_of(cloud), outside=False)
    print(complaint.explain(error, colour=terminal.has_colour(sys.stderr)), file=sys.stderr)
    return error.exit_code


def _forget_stdout() -> None:
    """Let what was not written go: nobody can take it, and the interpreter would try again at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _run(asked: Asked, find: Callable[[str | None], Places]) -> int:
    if asked.about:
        return _about(asked.about)
    if asked.line is not None:
        return _complete(asked.line, find)
    session = Session(find(asked.cloud), perform)
    session.options.errexit = not asked.keep_going
    session.options.echo = asked.echo
    try:
        return _in_mode(session, asked)
    except Told as told:
        return told.code
    finally:
        session.close()


def _in_mode(session: Session, asked: Asked) -> int:
    on_terminal = sys.stdin is not None and sys.stdin.isatty()
    if asked.command:
        session.interactive, session.gives_stdin, session.one_shot = on_terminal, True, True
        return execute_words(session, asked.command)
    from shell import script

    session.autostart = True
    if asked.check and asked.file is None and asked.text is None:
        if on_terminal:
            raise no_script()
        asked.file = "-"
    if asked.file == "-":
        given = sys.stdin.buffer if sys.stdin is not None else ()
        return script.run_whole(session, given, "stdin", check_only=asked.check)
    if asked.file is not None:
        return script.run_file(session, asked.file, check_only=asked.check)
    if asked.text is not None:
        raw = io.BytesIO(asked.text.encode(errors="surrogateescape"))
        return script.run_whole(session, raw, "-c", check_only=asked.check)
    if on_terminal:
        return _prompt(session)
    if sys.stdin is None:
        return 0
    return script.run(session, script.lines(iter(sys.stdin.buffer.readline, b"")), "stdin")


def _prompt(session: Session) -> int:
    session.interactive = session.gives_stdin = True
    session.options.errexit = True
    session.need_cloud()
    from shell.prompt import repl

    return repl.run(session)


def _complete(line: str, find: Callable[[str | None], Places]) -> int:
    from shell.prompt.directory import entries
    from shell.prompt.outside import candidates

    for word in candidates(line, find, entries):
        print(word)
    return 0


def _about(what: str) -> int:
    if what == "version":
        from shell.local import version

        print(f"simplecloud {version()}")
        return 0
    from shell.manual import help as pages

    print(f"{pages.USAGE}\n{pages.overview(pages.width_on(sys.stdout))}")
    return 0
