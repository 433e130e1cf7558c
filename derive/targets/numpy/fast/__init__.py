"""The second rendering: the program as straight-line code, for speed.

``lines`` rewrites the statements (the bias within the product, one factor for the learning
rate), ``order`` changes a weight right after its gradient, ``rows`` stores samples as rows
where layers are wide; ``accepted`` says which programs have such a rendering. ``formulas``
spells a formula of numbers as calls of NumPy, ``forms`` one in matrix form, ``arrays`` a
program; ``scalars`` prints it as arithmetic on Python's own numbers, for small networks;
``module`` decides between them.

In: an `ArrayProgram`.
Out: the lines of `_Steps`, or nothing where they would not pay.
Imports: targets and what is below.
"""
