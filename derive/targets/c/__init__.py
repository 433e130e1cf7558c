"""The C target: one header and one source file of C99, from the index form alone.

In: a derivation's value.
Out: NAME.h and NAME.c, which need only <math.h>, <string.h>, <stddef.h> and <stdint.h>, and their listing.
Imports: calculus and the stable forms of arrays; of other targets, the check of the NumPy module and the loops.
"""
