"""The published language of a cloud: commands, views, errors, frames, places.

Law: standard library only, no I/O beyond the socket's frames; shared by the shell and the manager, so
what one says the other understands.
"""
