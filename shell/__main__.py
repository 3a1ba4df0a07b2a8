"""`python -m shell`: the program simplecloud. Loading and ending it, a ^C ends it without a word."""

import signal
import sys


def _run() -> int:
    answer = signal.getsignal(signal.SIGINT)
    quiet = signal.SIG_DFL if answer is signal.default_int_handler else answer  # ignored: in the background
    signal.signal(signal.SIGINT, quiet)
    from shell.main import main

    signal.signal(signal.SIGINT, answer)
    try:
        return main(sys.argv[1:])
    finally:
        signal.signal(signal.SIGINT, quiet)


sys.exit(_run())
