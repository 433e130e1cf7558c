"""The text form of forward equations.

Input: a text with declarations, equations and blocks. Output: a ``Statement``; and the text of a forward pass.
``syntax.py`` reads formulas, ``lines.py`` reads lines, ``blocks.py`` puts in the lines of blocks, and ``build.py``
states it all.
"""
