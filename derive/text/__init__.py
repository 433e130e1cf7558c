"""Parsing of user input, and the errors it raises.

In: text from a command line or a file.
Out: values, or an error whose message is one sentence that names the place.
Imports: the standard library only.

A new error is a class in `errors.py`.
"""
