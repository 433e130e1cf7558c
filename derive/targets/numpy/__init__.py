"""The NumPy target: a package with the equations, a trainer and an estimator.

In: a `Derived`; `target.py` implements the interface of a target.
Out: the source of a package, with numerically stable functions.
Imports: targets and the folders below it.
"""
