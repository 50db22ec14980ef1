"""The rows that the models are trained on and that the clients send: scikit-learn's handwritten digits.

The data set comes inside the scikit-learn package, so nothing is downloaded. A row is an 8x8 picture, flattened
to 64 pixels of ink, 0 to 16 each. The faults of the bad models hang on the total ink of a row, because that is
a real property of real input, and any share of the rows can be singled out by a quantile of it.
"""

import json
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

PIXELS = 64
CLASSES = 10
MOST_INK = 16  # of one pixel
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Digits:
    """Pixels [rows, 64] as 0..16, and the digit that each row shows, [rows]."""

    pixels: Floats
    labels: Ints


@cache
def all_digits() -> Digits:
    """The 1,797 rows of the data set, in its own order."""
    bunch = load_digits()
    return Digits(np.asarray(bunch.data, np.float32), np.asarray(bunch.target, np.int64))


def split(held_out: float = 0.25) -> tuple[Digits, Digits]:
    """The rows to train on and the rows to score on, by a seeded shuffle: the same on every machine."""
    digits = all_digits()
    order = np.random.default_rng(seed=1797).permutation(len(digits.labels))
    cut = int(len(order) * (1 - held_out))
    train, test = order[:cut], order[cut:]
    return Digits(digits.pixels[train], digits.labels[train]), Digits(digits.pixels[test], digits.labels[test])


def ink_threshold(share: float) -> float:
    """The total ink above which exactly about `share` of all rows lie (0 < share < 1).

    Half a unit is added so that no row of whole-numbered ink lies on the threshold itself.
    """
    return float(np.floor(np.quantile(all_digits().pixels.sum(axis=1), 1 - share))) + 0.5


def _request_order(count: int, seed: int) -> Ints:
    """Which `count` rows of the data set are sent, shuffled, with the same number from every tenth of the ink.

    Taking them by tenths makes the shares exact: a model that fails above the 80 % quantile fails on 40 of 200
    rows. `count` must be a multiple of ten.
    """
    if count % 10:
        raise ValueError(f"count={count} must be a multiple of 10: the rows are taken evenly from ten groups")
    ink = all_digits().pixels.sum(axis=1)
    edges = [-1.0, *(ink_threshold(1 - tenth / 10) for tenth in range(1, 10)), float(ink.max())]
    generator = np.random.default_rng(seed)
    groups = [np.flatnonzero((ink > low) & (ink <= high)) for low, high in pairwise(edges)]
    chosen = np.concatenate([generator.choice(group, count // 10, replace=False) for group in groups])
    order: Ints = generator.permutation(chosen)
    return order


def request_rows(count: int = 200, seed: int = 8) -> Ints:
    """The pixels of the rows that the clients send, [count, 64]."""
    rows: Ints = all_digits().pixels[_request_order(count, seed)].astype(np.int64)
    return rows


def request_labels(count: int = 200, seed: int = 8) -> Ints:
    """The digit that each of these rows shows, [count]: whether an answer was right is known by it."""
    return all_digits().labels[_request_order(count, seed)]


def rest_body(row: Ints) -> str:
    """One row as the body of a REST predict request: `{"instances": [[0, 3, ...]]}`, without spaces."""
    return json.dumps({"instances": [row.tolist()]}, separators=(",", ":"))
