"""The language of the shell: text to statements, words to commands and conditions.

Law: pure; what a command is comes from the one table (manager.api.commands), and an error says where it is.
"""
