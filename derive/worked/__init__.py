"""A worked example: numbers that are given or drawn, the equations evaluated on them, the values as printed.

In: a derivation and numbers.
Out: every value of some steps, with the digits that are printed.
Imports: targets and what is below.
"""
