"""Forward equations in LaTeX.

In: a text in LaTeX, with declarations in its comments.
Out: the lines of a `Statement`, as those of a text in the language of equations.
Imports: paper and the folders below it.

`tokens.py` finds the equations, `grammar.py` parses them, `names.py` finds the names of symbols, `formulas.py` and
`read.py` turn the trees into formulas and lines, and `undeclared.py` proposes declarations.
"""
