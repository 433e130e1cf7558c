"""Forward equations in LaTeX.

In: a text in LaTeX, with declarations in its comments.
Out: the lines of a `Statement`, as those of a text in the language of equations.
Imports: paper and the folders below it.

`tokens.py` and `equations.py` find the equations, by the tables in `commands.py`. `grammar.py` parses them, and
`names.py` finds the names of symbols. `symbols.py`, `reductions.py`, `arrays.py` and `formulas.py` turn the trees into
formulas, and `read.py` into lines. `undeclared.py` proposes declarations.
"""
