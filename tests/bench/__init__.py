"""Law: measures, never asserts. Each line runs beside its rival on the same machine, in turns.

`python -m tests.bench [LINE...]` as root prints a Markdown table of medians and their ratios.
"""
