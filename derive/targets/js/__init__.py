"""JavaScript from the index form, as it runs in a page.

In: a `Program`, in index form.
Out: the source of functions of JavaScript, which need no library.
Imports: calculus, and the printer of loops.
"""
