"""The parts of the document, in their order: each says one thing about the derivation it is given.

To add a part, write ``def name(view: View) -> Part`` in a module of its own and enter it in ``document.PARTS``.

In: a `View`.
Out: a `Part` of blocks.
Imports: document and what is below.
"""
