"""Routes that strategies propose: everybody's requests, shared between the control and the arms."""

from __future__ import annotations

from collections.abc import Mapping

from modelrollout.api.route import EVERYBODY, Route, Split, to_hundredths


def between(control: str, shares: Mapping[str, float]) -> Route:
    """Each arm its percentage, and the rest to the control. The shares must not sum to more than 100."""
    given = {version: share for version, share in shares.items() if share > 0}
    rest = to_hundredths(100 - sum(given.values()))
    return Route(splits=(Split(name=EVERYBODY, shares=({control: rest} if rest else {}) | given),))
