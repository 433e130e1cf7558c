"""What a generated package needs besides its equations, the same for every network.

The modules are copied, without their imports, into the `_runtime.py` of each package.
They need NumPy and nothing else. Those of `sklearn_*.py` are copied into
`_estimator.py`, where an estimator for scikit-learn is asked for, and need that too.

In: a `Network`, which a generated `network.py` makes.
Out: its checks, its trainer, the report on its gradients.
Imports: the standard library and NumPy.
"""
