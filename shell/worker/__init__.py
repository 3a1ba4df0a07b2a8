"""Into a worker and back: `exec` and `cp`.

Law: what comes out of a worker is not trusted: names, links and control characters are checked here.
"""
