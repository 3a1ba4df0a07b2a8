"""What each command of the manager does.

Law: a module per purpose. Reading commands show the last picture; changing ones store a spec in one
transaction (changes) and wait until the loop has made it true (waiting). Nothing here touches a worker.
"""
