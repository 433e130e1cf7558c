"""Code generation: one folder for each target, behind the interface in `target.py`; `registry.py` lists them.

In: a derivation's value.
Out: files, their listing for documents, and a report of their check.
Imports: derived and the folders below it; never a document or a format.
"""
