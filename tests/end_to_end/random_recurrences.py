"""Random recurrences as texts: one to three tensors that read each other at earlier places, or at later ones."""

from __future__ import annotations

import random


def recurrence(seed: int) -> str:
    """A text with a recurrence."""
    r = random.Random(seed)
    steps = "T" if r.random() < 0.6 else f"T = {r.choice([2, 3, 5])}"
    n, h = r.sample([2, 3, 4], 2)
    way = "+" if r.random() < 0.25 else "-"
    names = ["s", "c", "g"][: r.choice([1, 1, 2, 3])]
    masked, by_step = r.random() < 0.3, r.random() < 0.6
    parameters, equations, beginnings = ["W[h, n]", "b[h]"], list[tuple[str, str]](), list[str]()
    for number, name in enumerate(names):
        terms = ["sum(W[i, j] * x[t, j], j)"] if number == 0 or r.random() < 0.5 else []
        for other in names:
            if other == name or r.random() < 0.7:
                place = f"t {way} {r.choice([1, 1, 1, 2, 3])}"
                matrix, vector = f"U{name}{other}", f"v{name}{other}"
                term = r.choice(
                    [
                        f"sum({matrix}[i, r] * {other}[{place}, r], r)",
                        f"{vector}[i] * {other}[{place}, i]",
                        f"0.3 * {other}[{place}, i]",
                        f"{other}[{place}, i] * x[t, 1]",
                    ]
                )
                terms.append(term)
                parameters += [f"{matrix}[h, h]"] * (matrix in term) + [f"{vector}[h]"] * (vector in term)
        terms += [f"0.5 * {other}[t, i]" for other in names[:number] if r.random() < 0.6]
        terms += [] if any("x[" in term for term in terms) else ["x[t, 1]"]
        terms += ["b[i]"] if r.random() < 0.3 else []
        function = r.choice(["tanh", "sigmoid", "relu", "softplus", "sin", ""])
        right = f"{function}({' + '.join(terms)})"
        if masked and r.random() < 0.6:
            right = f"M[t] * {right} + (1 - M[t]) * {name}[t {way} 1, i]"
        equations.append((name, right))
    stated = " ".join(right for _, right in equations)
    for name in names:
        if f"{name}[t - 1" in stated and r.random() < 0.4:
            beginnings.append(f"{name}[0, i] = {r.choice([f'f{name}[i]', '0.5', f'tanh(f{name}[i])'])}")
            parameters += [f"f{name}[h]"] * ("f" in beginnings[-1].replace("tanh", ""))
    read = [p for p in dict.fromkeys(parameters) if f"{p.partition('[')[0]}[" in stated or p.startswith("f")]
    sides = "t, i" if by_step else "i"
    last = "t" if by_step else "1" if way == "+" else "T"
    return "\n".join(
        [
            f"size {steps}, n = {n}, h = {h}",
            "input x[T, n], M[T]" if "M[t]" in stated else "input x[T, n]",
            *(["promise mask M"] if "M[t]" in stated else []),
            f"target y[{'T, h' if by_step else 'h'}]",
            f"recurrent {', '.join(f'{name}[T, h]' for name in names)}",
            f"parameter {', '.join(read)}",
            *beginnings,
            *(f"{name}[t, i] = {right}" for name, right in equations),
            f"o[{sides}] = {' + '.join(f'{name}[{last}, i]' for name in names)}",
            f"E = mean((y[{sides}] - o[{sides}])**2, {sides})",
        ]
    )
