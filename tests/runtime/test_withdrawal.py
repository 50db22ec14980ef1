"""Which routes only take requests away from arms. In doubt none does."""

from __future__ import annotations

import pytest
from hypothesis import given

from modelrollout.api.match import RequestMatch
from modelrollout.api.route import EVERYBODY, MATCHED, PREVIEW, Route, Split
from modelrollout.runtime.withdrawal import takes_away
from tests.manifests.test_routes import routes

OLD, NEW, OTHER = "1.0.1", "1.0.2", "1.0.3"


def some(name: str, shares: dict[str, int], who: str | None = None) -> Split:
    """A split; unless it is said otherwise, always for the same requests."""
    return Split(
        name=name, shares=shares, who=(RequestMatch.model_validate({"headers": {"x": {"exact": who or name}}}),)
    )


def route(*splits: Split, **everybody: int) -> Route:
    """The splits in front of everybody's; the shares of everybody by name: old, new, other."""
    shares = {version: everybody[name] for name, version in NAMED.items() if name in everybody}
    return Route(splits=(*splits, Split(name=EVERYBODY, shares=shares)))


NAMED = {"old": OLD, "new": NEW, "other": OTHER}
ALL_OLD, ALL_NEW = Route.to(OLD), Route.to(NEW)

CASES: dict[str, tuple[Route | None, Route, bool]] = {
    "all of it": (route(old=90, new=10), ALL_OLD, True),
    "all of it, after a switch": (ALL_NEW, ALL_OLD, True),
    "some of it": (route(old=50, new=50), route(old=90, new=10), True),
    "one arm of two": (route(old=80, new=10, other=10), route(old=90, other=10), True),
    "one arm of two, when they have everything": (route(new=50, other=50), route(old=50, other=50), True),
    "one arm in favour of another": (route(old=80, new=10, other=10), route(old=80, other=20), False),
    "one down and another up": (route(old=80, new=10, other=10), route(old=85, new=1, other=14), False),
    "more": (route(old=90, new=10), route(old=50, new=50), False),
    "the first share": (ALL_OLD, route(old=90, new=10), False),
    "nothing": (route(old=90, new=10), route(old=90, new=10), False),
    "nothing, at rest": (ALL_OLD, ALL_OLD, False),
    "the switch": (ALL_OLD, ALL_NEW, False),
    "of matched requests": (route(some(MATCHED, {OLD: 50, NEW: 50}), old=100), ALL_OLD, True),
    "of matched requests, whose split stays": (
        route(some(MATCHED, {OLD: 50, NEW: 50}), old=100),
        route(some(MATCHED, {OLD: 100}), old=100),
        True,
    ),
    "of the matched, for more of the others": (
        route(some(MATCHED, {OLD: 50, NEW: 50}), old=100),
        route(some(MATCHED, {OLD: 60, NEW: 40}), old=99, new=1),
        False,
    ),
    "of the matched, all whom the arm had": (route(some(MATCHED, {NEW: 100}), old=100), ALL_OLD, True),
    "the preview of a gone arm": (
        route(some(PREVIEW, {NEW: 100}), old=90, other=10),
        route(old=90, other=10),
        True,
    ),
    "a preview begins": (ALL_OLD, route(some(PREVIEW, {NEW: 100}), old=100), False),
    "people whom the control had to itself fall to arms": (
        route(some("segment", {OLD: 100}), old=50, new=50),
        route(old=60, new=40),
        False,
    ),
    "people of a gone split had as much of the arm": (
        route(some("segment", {OLD: 40, NEW: 60}), old=50, new=50),
        route(old=60, new=40),
        True,
    ),
    "people of a gone split had less of the arm": (
        route(some("segment", {OLD: 90, NEW: 10}), old=50, new=50),
        route(old=60, new=40),
        False,
    ),
    "people of a gone split come to none of its arms": (
        route(some("segment", {OLD: 90, NEW: 10}), old=100),
        ALL_OLD,
        True,
    ),
    "a later split is gone, an earlier one is not concerned": (
        route(some("first", {OLD: 50, NEW: 50}), some("second", {OLD: 100}), old=100),
        route(some("first", {OLD: 60, NEW: 40}), old=100),
        True,
    ),
    "for other people under the same name": (
        route(some(MATCHED, {OLD: 50, NEW: 50}, "beta"), old=100),
        route(some(MATCHED, {OLD: 90, NEW: 10}, "everyone@example.com"), old=100),
        False,
    ),
    "for other people, but the control alone": (
        route(some(MATCHED, {OLD: 50, NEW: 50}, "beta"), old=100),
        route(some(MATCHED, {OLD: 100}, "everyone@example.com"), old=100),
        True,
    ),
    "splits in another order": (
        route(some("first", {OLD: 50, NEW: 50}), some("second", {OLD: 50, NEW: 50}), old=100),
        route(some("second", {OLD: 50, NEW: 50}), some("first", {OLD: 60, NEW: 40}), old=100),
        False,
    ),
    "a split in front for the control alone": (
        route(old=50, new=50),
        route(some("segment", {OLD: 100}), old=50, new=50),
        True,
    ),
    "rules by hand: to the control alone": (None, ALL_OLD, True),
    "rules by hand: what they gave is not known": (None, route(old=99, new=1), False),
    "rules by hand: to an arm": (None, ALL_NEW, False),
}


@pytest.mark.parametrize(("live", "wanted", "expected"), CASES.values(), ids=CASES)
def test_takes_away(live: Route | None, wanted: Route, expected: bool) -> None:
    assert takes_away(wanted, live, OLD) is expected


UNKNOWN: dict[str, tuple[Route | None, Route]] = {
    "the other version gains by it": (route(old=90, new=10), ALL_OLD),
    "a version that is promoted gains by it": (route(old=50, new=50), ALL_NEW),
    "nothing is known at all": (None, ALL_OLD),
    "a split of one version is gone": (route(some("segment", {OLD: 100}), old=50, new=50), route(old=50, new=50)),
}


@pytest.mark.parametrize(("live", "wanted"), UNKNOWN.values(), ids=UNKNOWN)
def test_without_a_version_that_takes_the_rest_somebody_gains(live: Route | None, wanted: Route) -> None:
    assert not takes_away(wanted, live, None)


@given(routes(), routes())
def test_an_arm_gets_more_in_no_split_by_it(live: Route, wanted: Route) -> None:
    if takes_away(wanted, live, OLD):
        assert all(version == OLD for _, version in wanted.rises(live))


@given(routes())
def test_the_control_alone_always_takes_away(live: Route) -> None:
    assert takes_away(ALL_OLD, live, OLD) is (live != ALL_OLD)


@given(routes())
def test_without_one_arm_the_rest_is_as_it_was(live: Route) -> None:
    """What an arm loses when it must leave: no other may wait for it."""
    for arm in live.versions - {OLD}:
        after = live.without(arm, OLD)
        alone = [split.shares for split in live.splits if split.shares == {arm: 100} and split.name != EVERYBODY]
        assert alone or takes_away(after, live, OLD)
