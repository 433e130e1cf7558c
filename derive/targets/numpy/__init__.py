"""The NumPy module: its equations, its trainer, its estimator.

In: an `ArrayProgram`.
Out: the source of a module, with the functions that are stable far out.
Imports: targets and what is below.
"""
