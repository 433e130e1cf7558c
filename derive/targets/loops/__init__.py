"""The oracle: plain Python loops, from the index form alone, which is there also where an array form is not.

In: a `Program`, in index form.
Out: the source of a module without NumPy, and what it computes of given numbers.
Imports: calculus alone.
"""
