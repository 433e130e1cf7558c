"""What is said about a derivation, in no format.

In: a derivation, and how much of it is wanted.
Out: a `Document` of blocks.
Imports: drawing, worked and what is below.
"""
