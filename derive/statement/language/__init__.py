"""The text form of forward equations.

In: a text with declarations, equations and blocks.
Out: the lines of a `Statement`; and the text of a forward pass.
Imports: paper and the folders below it.

`lines.py` and `syntax.py` parse, `blocks.py` puts blocks in place. `meanings.py` and `frames.py` say what names mean,
`axes.py` and `formulas.py` turn formulas into expressions, `declare.py` and `build.py` state the lines. `write.py`
writes the text of a forward pass.
"""
