"""The interactive prompt: completion, highlighting, the toolbar, and what was typed before.

Law: what is shown while someone types is a function of the text and of the last snapshot of the cloud; nobody
waits for a manager. prompt_toolkit is around it, in repl and history. The system's shells, in outside, have
no snapshot: they ask for one, and wait a second at most for each answer.
"""
