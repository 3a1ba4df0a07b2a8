"""`watch`: the live view of a cloud, full screen, as lines, or as a picture in a file.

Law: a picture is a function of what the manager said and of what the person chose to see (picture, header,
view, keys); screen, in_place and leaving have the terminal, look the manager.
"""
