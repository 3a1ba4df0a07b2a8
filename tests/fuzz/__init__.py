"""Input as nobody meant it, for everything that reads text: a value comes of it, or an error of our own tree.

Law: whatever is read here by a target comes back as a value, or as an error with a sentence for people;
what was printed is read back as it was; nothing takes longer because it is odd.

targets reads; samples are what the odd input is made from; corpus keeps what once broke something; test_fuzz
makes up a few inputs of each, many with FUZZ=deep; and `python -m tests.fuzz TARGET --for 5m` searches for
new paths through the code, where atheris is installed.
"""
