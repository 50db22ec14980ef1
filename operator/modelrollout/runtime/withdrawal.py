"""Withdrawal: does a route only take requests away from arms, and give them to the control?

Such a route goes into the cluster before anything else, and whatever has happened there meanwhile. So in doubt the
answer is no: the route is written all the same then, but in its turn and only if nobody has changed it.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelrollout.api.route import Route, Split


def takes_away(route: Route, live: Route | None, control: str | None) -> bool:
    """Whether nobody gets more of any arm by this route than by the live one.

    ``control`` is the version that takes what the arms had; None when none is known to be it. Of live rules that are no
    Route nothing is known: only a route to the control alone gives surely no more than they do.
    """
    if route == live:
        return False
    if route.versions == {control}:
        return True
    return live is not None and not _rises(route, live, control)


def _rises(route: Route, live: Route, control: str | None) -> bool:
    if not _same_order(route, [split for split in live.splits if _has(route, split)]):
        return True
    return any(_rises_for(split, live, _fallen_into(split, route, live, control), control) for split in route.splits)


def _has(route: Route, split: Split) -> bool:
    """Whether a route has a split of this name for the same requests."""
    found = route.split(split.name)
    return found is not None and found.who == split.who


def _same_order(route: Route, kept: Sequence[Split]) -> bool:
    names = [split.name for split in kept]
    return [split.name for split in route.splits if split.name in names] == names


def _fallen_into(split: Split, route: Route, live: Route, control: str | None) -> list[Split]:
    """The live splits whose requests may come to a later one now, because they are gone.

    Those that were for one arm alone do not count: where else should its requests go?
    """
    before = live.splits[: _place(split, live)]
    gone = [item for item in before if not _has(route, item)]
    return [item for item in gone if control in (None, *item.shares) or len(item.shares) > 1]


def _place(split: Split, live: Route) -> int:
    names = [item.name for item in live.splits]
    return names.index(split.name) if split.name in names else len(names)


def _rises_for(split: Split, live: Route, fallen: Sequence[Split], control: str | None) -> bool:
    """Whether any of these requests' arms gets more of them than of the same requests before."""
    before = [live.split(split.name) if _has(live, split) else None, *fallen]
    return any(
        share > min(item.share(version) if item is not None else 0 for item in before)
        for version, share in split.shares.items()
        if version != control
    )
