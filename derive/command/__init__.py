"""The `derive` command: its options, what it prints, what it writes.

In: the words of the command line.
Out: files, lines of text, an exit status.
Imports: everything.

A new option is one entry in `options.py`.
"""
