"""The manual: help, topics, the man page, completion for bash and zsh, all from the one table of commands.

Law: pure text; what can be had from the table is not written by hand.
"""
