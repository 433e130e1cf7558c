"""The text form of forward equations: a text becomes a ``Statement``, and a forward pass a text.

``syntax.py`` reads formulas, ``lines.py`` lines, ``blocks.py`` puts in what blocks stand for, ``build.py`` states it
all, and ``write.py`` writes the text of a forward pass.
"""
