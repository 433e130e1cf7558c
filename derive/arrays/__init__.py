"""The array form of a program and the rules that make it numerically stable.

In: a `Program` in index form; for stable forms also an `Evaluator`, which runs candidate forms as a target does.
Out: an `ArrayProgram`, whose statements have an array form, and numerically stable replacements of equations.
Imports: calculus, catalogue, learning, text.
"""
