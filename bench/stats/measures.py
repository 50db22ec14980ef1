"""Measures: a number with the limits that so many runs allow, as it goes into the JSON file."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, isinf, sqrt
from typing import Any

import numpy as np

from modelrollout.simulation.limits import clopper_pearson

Measure = dict[str, Any]  # value, low, high: 95 % limits; infinity as the string "never"; runs


def share(hits: int, runs: int) -> Measure:
    """A share with its Clopper-Pearson limits."""
    low, high = clopper_pearson(hits, runs)
    return {"value": hits / runs, "low": low, "high": high, "hits": hits, "runs": runs}


def median(values: Sequence[float]) -> Measure:
    """The median, and the order statistics between which the true one lies."""
    ordered, runs = sorted(values), len(values)
    margin = 1.96 * sqrt(runs) / 2
    low, high = max(0, int(runs / 2 - margin)), min(runs - 1, int(runs / 2 + margin))
    middle = ordered[(runs - 1) // 2]
    return {"value": number(middle), "low": number(ordered[low]), "high": number(ordered[high]), "runs": runs}


def quantile(values: Sequence[float], part: float) -> Measure:
    """A quantile, and the order statistics between which the true one lies, by the normal approximation."""
    ordered, runs = sorted(values), len(values)
    margin = 1.96 * sqrt(runs * part * (1.0 - part))
    places = (runs * part - margin, runs * part, runs * part + margin)
    low, middle, high = (ordered[min(max(ceil(place) - 1, 0), runs - 1)] for place in places)
    return {"value": number(middle), "low": number(low), "high": number(high), "runs": runs}


def mean(values: Sequence[float]) -> Measure:
    """The mean, and two standard errors to each side."""
    array = np.asarray(values, dtype=np.float64)
    middle = float(array.mean())
    margin = 1.96 * float(array.std(ddof=1)) / sqrt(len(array)) if len(array) > 1 else 0.0
    return {"value": middle, "low": middle - margin, "high": middle + margin, "runs": len(array)}


def number(value: float) -> float | str:
    """As JSON can have it."""
    return "never" if isinf(value) else round(value, 6)


def from_json(value: float | str) -> float:
    """The other way round."""
    return inf if isinstance(value, str) else float(value)
