"""What is run: a folder for each target, behind the contract of `target.py`; `registry.py` lists them.

In: a derivation's value.
Out: files, their listing for documents, and a report of their check.
Imports: derived and what is below; never a document or a format.
"""
