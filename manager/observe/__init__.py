"""What can be seen of workers and of the proxy, as numbers with the time they were taken.

Law: it reads (cgroups, health answers, the proxy's API) and decides nothing.
"""
