"""Least squares by numbers that are none below 0.

C. L. Lawson, R. J. Hanson, "Solving Least Squares Problems" (1974), chapter 23: unknowns leave 0 one by one, each
time the one that helps most, and go back to it where the least squares of those that have left would be below.
"""

from __future__ import annotations

import numpy as np

from modelrollout.core.evidence.hypergeometric import Floats

ROUNDS = 3  # for each of the unknowns, at most
NEARLY = 1e-9  # of the largest gradient, from which on nothing helps any more


def least_squares(matrix: Floats, wanted: Floats, begin: Floats) -> Floats:
    """The x >= 0 for which ``matrix`` x is nearest to what is wanted. It is found sooner the nearer one begins; of more
    numbers above 0 than there are equations nothing is kept."""
    free = (begin > 0.0) & (np.count_nonzero(begin) < len(matrix))
    found = _of_free(matrix, wanted, np.where(free, begin, 0.0), free)
    enough = NEARLY * float(np.abs(matrix.T @ wanted).max(initial=0.0))
    for _ in range(ROUNDS * len(found)):
        gradient = np.where(free, -np.inf, matrix.T @ (wanted - matrix @ found))
        best = int(gradient.argmax())
        if gradient[best] <= enough:
            break
        free[best] = True
        found = _of_free(matrix, wanted, found, free)
    return found


def _of_free(
    matrix: Floats, wanted: Floats, found: Floats, free: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> Floats:
    """The best of those that are free; some of which are not any more."""
    while True:
        best = np.zeros_like(found)
        if not free.any():
            return best
        best[free] = np.linalg.lstsq(matrix[:, free], wanted, rcond=None)[0]
        below = free & (best <= 0.0)
        if not below.any():
            return best
        part = float(np.min(found[below] / (found[below] - best[below]), initial=1.0, where=found[below] > best[below]))
        found = found + part * (best - found)
        free &= found > 1e-14
        found[~free] = 0.0
