"""The terminal's side of a cloud: prompt, scripts, rendering, load generator.

Law: it knows the published language (manager.api) and terminals, nothing else. prompt_toolkit and
tabulate are imported here and nowhere else, and only when they are needed.
"""
