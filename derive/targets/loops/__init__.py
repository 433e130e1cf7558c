"""A target for comparison: plain Python loops from the index form alone, which every program has.

In: a `Program`, in index form.
Out: the source of a module without NumPy, and its results for given numbers.
Imports: only calculus.
"""
