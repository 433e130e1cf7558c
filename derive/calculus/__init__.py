"""Differentiation in index notation, independent of networks, optimizers, documents and targets.

In: a `ForwardPass`, one equation for each tensor in index notation.
Out: chains, shared factors and a `Program` in index form, with an interpreter for it.
Imports: text.
"""
