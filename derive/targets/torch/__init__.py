"""The PyTorch target: a module, and an autograd function whose backward pass is the derived one.

In: a `Derived`; `target.py` implements the interface of a target.
Out: the source of a file, which needs only PyTorch. PyTorch itself is not imported here.
Imports: targets, the printers of `targets/numpy` and `targets/jax`, and the folders below.
"""
