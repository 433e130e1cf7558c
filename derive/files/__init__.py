"""Safe writing of files: seals, atomic replacement, and the loader of the templates.

In: texts by file name.
Out: files on the disk.
Imports: text.
"""
