"""The manual: help, topics, the man page, from the one table of commands; what makes bash and zsh complete.

Law: pure text; what can be had from the table is not written by hand.
"""
