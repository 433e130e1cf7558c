"""Typesetting of formulas as boxes, and their output as LaTeX, MathML and text.

In: a program and a notation.
Out: boxes, with a symbol for every tensor.
Imports: arrays and what is below.

A new notation is one entry in `notation.py`.
"""
