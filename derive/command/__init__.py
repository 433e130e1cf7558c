"""The `derive` command: its options and its output.

In: the arguments of the command line.
Out: files, lines of text, an exit status.
Imports: everything.

A new option is one entry in `options.py`.
"""
