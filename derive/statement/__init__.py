"""What a user asks for, validated.

In: options or a specification file.
Out: a `Network`, an `Edition`, and the `ForwardPass` of a network.
Imports: paper and what is below.
"""
