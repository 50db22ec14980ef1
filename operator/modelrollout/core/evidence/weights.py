"""Whole weights for arms by their chances to be the best: a floor for each, the rest by chance, rounded.

    w_i = floor + (1 - K floor) P_i,   K the arms that are still in the race

The floor keeps every arm known while it is in the race, and is what exploration costs; weights have to add up to a
whole total (100 for a route, 10 000 where the floor is below 1 %). They are rounded by the largest remainder
(Hamilton's method), which is never off by 1 or more and never needs to be mended to reach the total.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor as whole_part
from math import fsum

ROUNDING = 1e-9  # of one unit: what is this near to a whole number, or to another remainder, is that number


def weights_of(chances: Sequence[float | None], floor: float, total: int = 100) -> tuple[int, ...]:
    """One weight for each arm, whole, adding up to ``total`` exactly; None is an arm that is out, and gets 0.

    ``chances`` of the others are >= 0 and need not add up to 1; ``floor`` is a share of the total. Nobody in the race
    gets less than floor times total, rounded down to a whole number: with a floor of 1 % of 100 at least 1, with 0.5 %
    of 100 perhaps nothing. Equal remainders are rounded up from the first arm on.

    Raises ValueError when nobody is in the race, when the floors alone are more than the total, or for chances that
    are no chances.
    """
    racing = [index for index, chance in enumerate(chances) if chance is not None]
    known = [float(chance) for chance in chances if chance is not None]
    _check(known, floor, total)
    least, everything = floor * total, fsum(known)
    rest = max(0.0, total - len(known) * least)
    whole = rounded([least + rest * chance / everything for chance in known], total)
    weights = dict(zip(racing, whole, strict=True))
    return tuple(weights.get(index, 0) for index in range(len(chances)))


def rounded(exact: Sequence[float], total: int) -> list[int]:
    """Whole numbers that add up to ``total``, each at most 1 from its exact value; those add up to ``total`` too."""
    whole = [whole_part(value + ROUNDING) for value in exact]
    remainders = [round((value - down) / ROUNDING) for value, down in zip(exact, whole, strict=True)]
    by_remainder = sorted(range(len(exact)), key=lambda index: (-remainders[index], index))
    for index in by_remainder[: total - sum(whole)]:
        whole[index] += 1
    return whole


def _check(chances: Sequence[float], floor: float, total: int) -> None:
    if not chances or not all(0.0 <= chance < float("inf") for chance in chances) or not fsum(chances) > 0.0:
        raise ValueError(f"chances are {list(chances)}: somebody must be in the race, with chances >= 0, one above 0")
    if total < 1:
        raise ValueError(f"total is {total}: it must be at least 1")
    if not 0.0 <= floor * len(chances) <= 1.0 + ROUNDING:
        raise ValueError(f"floor is {floor}: times {len(chances)} arms it must lie between 0 and 1")
