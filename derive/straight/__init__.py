"""The second rendering: the program as straight-line code, for speed.

``lines`` rewrites the statements (bias within the product, -W stored, one factor for the
learning rate); ``arrays`` prints them as calls of NumPy on arrays that are made once;
``scalars`` as arithmetic on Python's own numbers, for the smallest networks; ``choice``
decides between the two.
"""
