"""Functions of arrays that generated modules contain where NumPy lacks them; their source is copied."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
#: The names of the functions.
NAMES = ("contracted", "first_largest", "product_of_others", "scattered", "spread", "strided")


def contracted(subscripts: str, a: Array, b: Array) -> Array:
    """Return ``np.einsum(subscripts, a, b)``, computed with matrix products."""
    inputs, result = subscripts.split("->")
    one, other = inputs.split(",")
    both = [n for n in one if n in other and n in result]
    over = [n for n in one if n in other and n not in result]
    left, right = [n for n in one if n not in other], [n for n in other if n not in one]
    sizes = {**dict(zip(one, a.shape, strict=True)), **dict(zip(other, b.shape, strict=True))}
    shape = [sizes[n] for n in both]
    rows, inner, columns = (int(np.prod([sizes[n] for n in group])) for group in (left, over, right))
    a = a.transpose([one.index(n) for n in (*both, *left, *over)]).reshape(*shape, rows, inner)
    b = b.transpose([other.index(n) for n in (*both, *over, *right)]).reshape(*shape, inner, columns)
    product = (a @ b).reshape(*shape, *(sizes[n] for n in (*left, *right)))
    return product.transpose([(*both, *left, *right).index(n) for n in result])


def strided(a: Array, axis: int, first: int, *terms: tuple[int, int]) -> Array:
    """Return a view with an axis for each (length, step) of ``axis``; 0 outside."""
    ends = [step * (length - 1) for length, step in terms]
    before = max(0, -(first + sum(min(0, end) for end in ends)))
    after = max(0, first + sum(max(0, end) for end in ends) + 1 - a.shape[axis])
    if before or after:
        length = a.shape[axis]
        padded = np.zeros_like(a, shape=(*a.shape[:axis], before + length + after, *a.shape[axis + 1 :]))
        padded[(slice(None),) * axis + (slice(before, before + length),)] = a  # in the same order in memory
        a = padded
    a = a[(slice(None),) * axis + (slice(first + before, None),)]
    lengths = [length for length, _ in terms]
    steps = [step * a.strides[axis] for _, step in terms]
    shape = (*a.shape[:axis], *lengths, *a.shape[axis + 1 :])
    strides = (*a.strides[:axis], *steps, *a.strides[axis + 1 :])
    return np.lib.stride_tricks.as_strided(a, shape, strides, writeable=False)


def spread(a: Array, size: int, first: int, *steps: int) -> Array:
    """Return sums over the last axes: i, j, ... go to first + sum of step * i."""
    *head, longest = sorted(range(len(steps)), key=lambda n: a.shape[n - len(steps)])
    order = [n - len(steps) for n in (*head, longest)]
    a = np.moveaxis(a, order, range(-len(steps), 0))
    count, step = a.shape[-1], steps[longest]
    result = np.zeros((*a.shape[: a.ndim - len(steps)], size), a.dtype)
    for place in np.ndindex(a.shape[a.ndim - len(steps) : -1]):
        start = first + sum(steps[n] * i for n, i in zip(head, place, strict=True))
        low = max(0, -(start // step) if step > 0 else -((size - 1 - start) // -step))
        high = (size - 1 - start) // step if step > 0 else start // -step
        high = min(count, high + 1)
        if low < high:
            stop = start + step * high
            into = slice(start + step * low, stop if stop >= 0 else None, step)
            result[..., into] += a[(..., *place, slice(low, high))]
    return result


def scattered(a: Array, places: Array, size: int) -> Array:
    """Return the sums of the entries along the first axes that have the same place, a number below size."""
    result = np.zeros((size, *a.shape[places.ndim :]), a.dtype)
    np.add.at(result, places, a)
    return result


def first_largest(a: Array, *axes: int) -> Array:
    """Return whether an entry is the first of the largest along the axes."""
    last = range(-len(axes), 0)
    moved = np.moveaxis(a.real, axes, last)
    flat = moved.reshape(*moved.shape[: -len(axes)], -1)
    top = np.argmax(flat, axis=-1)[..., None] == np.arange(flat.shape[-1])
    return np.moveaxis(top.reshape(moved.shape), last, axes)


def product_of_others(a: Array, *axes: int) -> Array:
    """Return, for each entry, the product of all others along the axes, without a division."""
    last = range(-len(axes), 0)
    moved = np.moveaxis(a, axes, last)
    flat = moved.reshape(*moved.shape[: -len(axes)], -1)
    before, after = np.ones_like(flat), np.ones_like(flat)
    before[..., 1:] = np.cumprod(flat[..., :-1], axis=-1)
    after[..., :-1] = np.cumprod(flat[..., :0:-1], axis=-1)[..., ::-1]
    return np.moveaxis((before * after).reshape(moved.shape), last, axes)
