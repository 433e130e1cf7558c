"""Forward formulas only.

In: the name of an activation, a loss or a way to give biases.
Out: its equations.
Imports: calculus, learning, text.

A new activation is one entry in `activations.py`, a loss in `losses.py`, a layer in `layers.py`.
"""
