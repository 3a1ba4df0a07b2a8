"""Applications as files: `apply`, `diff`, `export`, and `import` of compose files.

Law: a file becomes the commands that an operator would type, shown before they run, and nothing else.
"""
