"""The mechanism: it knows no network, optimizer, paper or target.

In: a `ForwardPass`, one equation for each tensor in index notation.
Out: chains, shared factors and a `Program` in index form; an interpreter of it.
Imports: text.
"""
