"""The second rendering: the program as straight-line code, for speed.

``lines`` rewrites the statements (the bias within the product, -W stored, one factor for the
learning rate); ``arrays`` prints them as calls of NumPy on arrays that are made once (a
formula in ``forms``, entry by entry in ``elementwise``, the step in ``updates``); ``scalars``
as arithmetic on Python's own numbers, for small networks; ``module`` decides between them.

In: an `ArrayProgram`.
Out: the lines of `_Steps`, or nothing where they would not pay.
Imports: targets and what is below.
"""
