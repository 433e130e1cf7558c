"""Forward formulas of activations, losses and layers; derivatives are never stated.

In: the name of an activation, a loss or a bias option.
Out: its equations.
Imports: calculus, learning, text.

A new activation is one entry in `activations.py`, a loss in `losses.py`, a way to give biases in `biases.py`.
A new layer is a text in `layers/`.
"""
