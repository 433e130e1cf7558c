"""Formulas as boxes, and what writes boxes: LaTeX, MathML, text.

In: a program and a notation.
Out: boxes with the signs of every tensor.
Imports: arrays and what is below.

A new notation is one entry in `notation.py`.
"""
