"""What is run: a folder for each target.

In: a derivation's value.
Out: files, and a report of their check.
Imports: derived and what is below; never a document or a format.
"""
