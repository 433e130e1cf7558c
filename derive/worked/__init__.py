"""A worked example: numbers that are given or drawn, the generated module run on them, its values as printed.

In: a derivation and numbers.
Out: every value of some steps, with the digits that are printed.
Imports: targets and what is below.
"""
