"""The program simplecloud: loaded fast, and ended by ^C without a word also while it loads or ends.

A command that takes tens of milliseconds is mostly Python that loads. So what is not needed is left out:
`site`, by the launcher, and here modules that others name and hardly use, and the search for cycles in what
lasts as long as the program.
"""

import _signal as signal  # type: ignore[import-not-found]  # the other one is Python, and loads more
import sys

# for classes without a docstring (dataclasses), addresses in brackets (urllib.parse), sending files (socket)
_HARDLY_USED = ("inspect", "ipaddress", "selectors")
_CYCLES_AFTER = 20_000  # objects; a table takes as many, Python looks after each 700


def _find_packages() -> None:
    """Where Python was started without `site`, its environment's packages are found all the same."""
    import os

    if sys.flags.no_site:
        environment = os.path.dirname(os.path.dirname(sys.executable))
        version = f"python{sys.version_info.major}.{sys.version_info.minor}"
        sys.path.append(os.path.join(environment, "lib", version, "site-packages"))


def _run() -> int:
    answer = signal.getsignal(signal.SIGINT)
    quiet = signal.SIG_DFL if answer is signal.default_int_handler else answer  # ignored: in the background
    signal.signal(signal.SIGINT, quiet)

    import gc

    from shell.late import Late

    gc.set_threshold(_CYCLES_AFTER)
    _find_packages()
    for name in _HARDLY_USED:
        sys.modules.setdefault(name, Late(name))
    from shell.main import main

    signal.signal(signal.SIGINT, answer)
    try:
        return main(sys.argv[1:])
    finally:
        signal.signal(signal.SIGINT, quiet)
        gc.freeze()  # Python's end need not look through all that was loaded


sys.exit(_run())
