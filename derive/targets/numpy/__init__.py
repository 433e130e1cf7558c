"""The NumPy module: its equations, its trainer, its estimator.

In: a derivation's value; `target.py` is the contract's side of it.
Out: the source of a module, with the functions that are stable far out.
Imports: targets and what is below.
"""
