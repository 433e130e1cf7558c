"""The array form of a program, where there is one, and the rules that keep it stable.

In: a `Program` in index form; for its stable forms, an `Evaluator`: how a target computes what is tried.
Out: an `ArrayProgram`: every statement with nodes over arrays; the equations that are computed instead of those stated.
Imports: calculus, catalogue, learning, text.
"""
