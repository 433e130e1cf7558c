"""The specification of a network, validated.

In: options or a specification file.
Out: a `Network`, an `Edition`, and the `ForwardPass` of a network.
Imports: paper and the folders below it.
"""
