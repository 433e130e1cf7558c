"""Tables of the kind of well-known data sets, made by a seeded generator: skewed, with text, gaps and rare classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def housing(samples: int = 2000, seed: int = 0) -> tuple[Any, Any]:
    """Numbers of very different, skewed scales, and prices that are capped at 5, as of houses in California."""
    draw = np.random.default_rng(seed)
    income = draw.lognormal(1.2, 0.5, samples)
    rooms, people = draw.lognormal(1.6, 0.4, samples), draw.lognormal(7, 0.8, samples)
    north, east = draw.uniform(32.5, 42, samples), draw.uniform(-124, -114, samples)
    columns = {
        "income": income,
        "age": draw.integers(1, 53, samples),
        "rooms": rooms,
        "bedrooms": rooms / draw.normal(5, 0.3, samples),
        "population": people,
        "occupation": draw.lognormal(1, 0.4, samples),
        "latitude": north,
        "longitude": east,
    }
    columns["bedrooms"][draw.random(samples) < 0.05] = np.nan
    coast = np.exp(-(((north - 34) / 2) ** 2)) + np.exp(-(((east + 122) / 2) ** 2))
    price = 0.6 + 0.45 * income + 2 * coast - 0.1 * np.log(people) + draw.normal(0, 0.3, samples)
    return pd.DataFrame(columns), np.clip(price, 0.15, 5)


def incomes(samples: int = 2000, seed: int = 0) -> tuple[Any, Any]:
    """Text and numbers with missing values, and a rare class, as of a census of adults."""
    draw = np.random.default_rng(seed)
    age, hours = draw.integers(17, 80, samples), np.clip(draw.normal(40, 12, samples), 1, 99).round()
    schools = np.array(["primary", "secondary", "college", "university"])
    level = draw.choice(4, samples, p=[0.1, 0.5, 0.25, 0.15])
    works, sector = np.array(["private", "state", "own"]), draw.choice(3, samples, p=[0.75, 0.15, 0.1])
    gain = np.where(draw.random(samples) < 0.08, draw.lognormal(8, 1, samples), 0).round()
    chance = -7 + 0.9 * level + 0.5 * (sector == 2) + 0.04 * (hours - 40) + 0.0006 * gain - ((age - 50) / 15) ** 2 / 2
    rich = draw.random(samples) < 1 / (1 + np.exp(-chance - 2.4))
    text = {"school": schools[level].astype(object), "sector": works[sector].astype(object)}
    text["sector"][draw.random(samples) < 0.06] = None
    weight = draw.lognormal(12, 0.5, samples).round()
    numbers = {"age": age.astype(float), "weight": weight, "gain": gain, "hours": hours}
    numbers["age"][draw.random(samples) < 0.03] = np.nan
    return pd.DataFrame(numbers | text), np.where(rich, ">50K", "<=50K")


def covers(samples: int = 2000, seed: int = 0) -> tuple[Any, Any]:
    """Seven classes of forest, two of them common, told by numbers from 1 to 10,000 and by columns of 0 and 1."""
    draw = np.random.default_rng(seed)
    height, aspect = draw.normal(2950, 280, samples), draw.uniform(0, 360, samples)
    road, water = draw.lognormal(7.5, 0.7, samples), draw.lognormal(5, 1, samples)
    soil, area = draw.integers(0, 6, samples), draw.integers(0, 4, samples)
    bands = np.array([-400.0, -250, -100, 50, 180, 330, 500])  # of height, around the mean
    score = -((((height - 2950)[:, None] - bands) / 120) ** 2) + np.array([0, 0.5, 2.5, 3, 0.5, 0, 0])
    score += 1.5 * np.cos(np.radians(aspect))[:, None] * np.array([1, -1, 1, -1, 1, -1, 1])
    score += 1.5 * (soil[:, None] == np.arange(7)) - 0.3 * (np.log(road) - 7.5)[:, None] * np.linspace(-1, 1, 7)
    kind = 1 + np.argmax(score + draw.gumbel(0, 0.5, score.shape), axis=1)
    numbers = {"height": height, "aspect": aspect, "slope": draw.gamma(3, 5, samples), "road": road, "water": water}
    areas = {f"area_{n}": (area == n) * 1 for n in range(4)}
    return pd.DataFrame(numbers | areas | {f"soil_{n}": (soil == n) * 1 for n in range(6)}), kind
