"""Reading what users type, and the errors that answer it.

In: text from a command line or a file.
Out: values, or an error of one sentence that names the place.
Imports: the standard library only.

A new error is a class in `errors.py`.
"""
