"""The JAX target: the equations as pure functions, and a trainer for one or many devices.

In: a `Derived`; `target.py` implements the interface of a target.
Out: the source of two files, which need only JAX. JAX itself is not imported here.
Imports: targets, the printers of `targets/numpy`, and the folders below.
"""
