"""`python -m shell`: the program simplecloud."""

import sys

from shell.main import main

sys.exit(main(sys.argv[1:]))
