"""The output formats, one module each, all written from the same blocks.

In: a manuscript.
Out: texts by file name.
Imports: document and the folders below it.

A new format is one module with ``files(manuscript)``, and one entry in `derive/files/formats.py`.
"""
