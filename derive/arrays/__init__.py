"""The array form of a program, where there is one, and the rules that keep it stable.

In: a `Program` in index form.
Out: an `ArrayProgram`: every statement with nodes over arrays.
Imports: calculus, catalogue, learning, text.
"""
