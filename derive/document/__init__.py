"""The content of the documents, independent of the format.

In: a derivation and the level of detail.
Out: a `Document` of blocks.
Imports: drawing, worked and the folders below them.
"""
