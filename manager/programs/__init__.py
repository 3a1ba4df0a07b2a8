"""Files of an operator's machine that workers run: taken in by descriptor, kept by content, checked.

Law: a file enters through Programs.take and is then named by the sha256 of its content.  Whether it can run
is decided from its bytes and an image's files (a Protocol): nothing here knows Docker or starts anything.

    store     the directory of taken files
    elf       what an ELF file says it needs
    check     whether an image has what a program needs, and where a command stands in it
"""
