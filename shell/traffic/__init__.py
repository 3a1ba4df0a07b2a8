"""Load through the proxy: `load`, and the proof that killing a manager costs nothing (`crash --prove`).

Law: only loopback, at the rate and for the time that were asked for.
"""
