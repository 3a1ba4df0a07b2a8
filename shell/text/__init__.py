"""What the manager answered, as text: tables, descriptions, explanations, curves, pictures.

Law: documents in, text out; no manager, no terminal. A document may be newer than this shell, so that what is
not there is nothing. tabulate is imported here only.
"""
