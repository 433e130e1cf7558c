"""The parts of the document, each about one aspect of the derivation.

To add a part, write ``def name(view: View) -> Part`` in the module `name.py` and add an entry to ``PARTS`` in
`derive/statement/edition.py`.

In: a `View`.
Out: a `Part` of blocks.
Imports: document and the folders below it.
"""
