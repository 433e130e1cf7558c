"""The NumPy package: its equations, its trainer, its estimator.

In: a derivation's value; `target.py` implements the interface of a target.
Out: the source of a package, with numerically stable functions.
Imports: targets and the folders below it.
"""
