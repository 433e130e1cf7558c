"""The parts of the document, in their order: each says one thing about the derivation it is given.

To add a part, write ``def name(view: View) -> Part`` in the module `name.py` and add an entry to ``PARTS`` in
`derive/statement/edition.py`.

In: a `View`.
Out: a `Part` of blocks.
Imports: document and what is below.
"""
