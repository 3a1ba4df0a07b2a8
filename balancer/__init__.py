"""What the load balancer should do and how many workers an application should have.

Law: numbers and values in, decisions out. No I/O, no clock, no threads, no logging. numpy is imported
here and nowhere else.
"""
