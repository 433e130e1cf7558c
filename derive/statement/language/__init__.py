"""The text form of forward equations.

In: a text with declarations, equations and blocks.
Out: the lines of a `Statement`; and the text of a forward pass.
Imports: paper and the folders below it.
"""
