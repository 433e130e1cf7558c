"""What a document is written in: one module for each format, all from the same blocks.

In: a manuscript.
Out: texts by file name.
Imports: document and what is below.

A new format is one module with ``files(manuscript)``, and one entry in `derive/files/formats.py`.
"""
