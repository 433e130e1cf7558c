"""Optimizers, learning-rate schedules and weight initialisations, stated by their formulas.

In: parameters and their gradients.
Out: the equations of a step.
Imports: calculus, text.

A new optimizer, schedule or initialisation is one entry in the file of that name.
"""
