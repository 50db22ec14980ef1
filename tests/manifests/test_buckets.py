"""256 buckets are dealt out by the shares: exactly, always in the same way, and so that few ids move."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.manifests.buckets import BUCKETS, dealt, ending, quotas

CONTROL, ARM = "2.3.1160", "2.4.1187"
VERSIONS = (CONTROL, ARM, "2.10.1", "10.0.0", "1.0.1", "3.1.4")
ISTIOS_LIMIT = 1024  # bytes of a regular expression

salts = st.uuids().map(str)


@st.composite
def shares(draw: st.DrawFn, fewest: int = 2, most: int = 6) -> dict[str, int]:
    """Percents of some versions, in any order."""
    versions = draw(st.permutations(VERSIONS))[: draw(st.integers(fewest, most))]
    cuts = sorted(draw(st.sets(st.integers(1, 99), min_size=len(versions) - 1, max_size=len(versions) - 1)))
    return dict(zip(versions, [end - start for start, end in zip([0, *cuts], [*cuts, 100], strict=True)], strict=True))


def owners(salt: str, by_share: Mapping[str, int]) -> dict[int, str]:
    return {bucket: version for version, buckets in dealt(salt, by_share).items() for bucket in buckets}


def moved(salt: str, before: Mapping[str, int], after: Mapping[str, int]) -> int:
    """How many buckets change their version."""
    old, new = owners(salt, before), owners(salt, after)
    return sum(old[bucket] != new[bucket] for bucket in range(BUCKETS))


def fewest(before: Mapping[str, int], after: Mapping[str, int]) -> int:
    """How many have to: what those that rise get more."""
    old, new = quotas(before), quotas(after)
    return sum(max(0, new[version] - old.get(version, 0)) for version in new)


@given(salts, shares())
def test_every_bucket_has_one_version_and_every_version_its_share(salt: str, by_share: dict[str, int]) -> None:
    counts = {version: len(buckets) for version, buckets in dealt(salt, by_share).items()}
    assert len(owners(salt, by_share)) == sum(counts.values()) == BUCKETS
    assert all(abs(counts[version] - BUCKETS * share / 100) < 1 for version, share in by_share.items())
    assert counts == quotas(by_share)


@pytest.mark.parametrize(
    ("by_share", "counts"),
    [
        ({CONTROL: 99, ARM: 1}, (253, 3)),
        ({CONTROL: 95, ARM: 5}, (243, 13)),
        ({CONTROL: 90, ARM: 10}, (230, 26)),
        ({CONTROL: 50, ARM: 50}, (128, 128)),
        ({CONTROL: 34, ARM: 33, "2.10.1": 33}, (87, 85, 84)),  # 84.48 of 256 buckets are 33 %
        ({CONTROL: 25, ARM: 25, "2.10.1": 25, "10.0.0": 25}, (64, 64, 64, 64)),
    ],
)
def test_percents_as_buckets(by_share: dict[str, int], counts: tuple[int, ...]) -> None:
    found = quotas(by_share)
    assert sorted(found.values()) == sorted(counts)
    assert found[CONTROL] == counts[0]


@given(salts, shares(), st.data())
def test_the_order_of_shares_changes_nothing(salt: str, by_share: dict[str, int], data: st.DataObject) -> None:
    turned = dict(data.draw(st.permutations(list(by_share.items()))))
    assert dealt(salt, turned) == dealt(salt, by_share)


def test_what_is_dealt_today_is_dealt_tomorrow() -> None:
    """These are in live routes: another way to deal moves the users of all releases when the operator is upgraded."""
    found = dealt("0b7e-uid", {CONTROL: 90, ARM: 10})[ARM]
    assert ending(found) == "(?i).*(0[adf]|1[47c]|2[0d]|4e|5[5bc]|63|8[38]|9[13]|b[27]|c[0d]|d[4f]|ec|f[56])"


@given(salts, st.integers(1, 99), st.integers(1, 99))
def test_of_two_versions_the_one_that_rises_keeps_all_of_its_ids(salt: str, one: int, other: int) -> None:
    """In whichever order their names are, and so the one that falls gets none."""
    low, high = sorted((one, other))
    for riser, other_one in ((CONTROL, ARM), (ARM, CONTROL)):
        before, after = {riser: low, other_one: 100 - low}, {riser: high, other_one: 100 - high}
        assert dealt(salt, before)[riser] <= dealt(salt, after)[riser]
        assert moved(salt, before, after) == fewest(before, after)


@given(salts, shares(fewest=3), st.data())
def test_a_version_that_leaves_takes_few_others_with_it(salt: str, before: dict[str, int], data: st.DataObject) -> None:
    """Its share goes to one other, as that of a version that failed goes to the control. The most that has been seen
    are 60 buckets more than its own, where one of two large versions gives its share to a tiny third; one that gains
    loses next to none."""
    leaver, heir = data.draw(st.permutations(sorted(before)))[:2]
    after = {version: share for version, share in before.items() if version != leaver}
    after[heir] += before[leaver]
    own = quotas(before)[leaver]
    assert own <= moved(salt, before, after) <= own + 80
    kept = dealt(salt, before)[heir] & dealt(salt, after)[heir]
    assert len(kept) >= len(dealt(salt, before)[heir]) - 8


MOVES: dict[str, tuple[dict[str, int], dict[str, int], float]] = {
    "one of three equal ones leaves": (
        {CONTROL: 34, ARM: 33, "2.10.1": 33},
        {CONTROL: 67, "2.10.1": 33},
        1.25,
    ),
    "one of four equal ones leaves": (
        {CONTROL: 25, ARM: 25, "2.10.1": 25, "10.0.0": 25},
        {CONTROL: 50, "2.10.1": 25, "10.0.0": 25},
        1.4,
    ),
    "the smallest of 60, 30 and 10 leaves": (
        {CONTROL: 60, ARM: 30, "2.10.1": 10},
        {CONTROL: 70, ARM: 30},
        1.35,
    ),
    "the second of 60, 30 and 10 leaves": ({CONTROL: 60, ARM: 30, "2.10.1": 10}, {CONTROL: 90, "2.10.1": 10}, 1.1),
    "a third comes": ({CONTROL: 95, ARM: 5}, {CONTROL: 90, ARM: 5, "2.10.1": 5}, 1.1),
    "an update of a bandit": (
        {CONTROL: 40, ARM: 30, "2.10.1": 20, "10.0.0": 10},
        {CONTROL: 35, ARM: 28, "2.10.1": 27, "10.0.0": 10},
        1.2,
    ),
}


@pytest.mark.parametrize(("before", "after", "times"), MOVES.values(), ids=MOVES)
def test_how_many_move_beside_those_that_have_to(before: dict[str, int], after: dict[str, int], times: float) -> None:
    """On the average over rollouts, as a multiple of the least."""
    found = mean(moved(f"rollout-{number}", before, after) for number in range(100))
    assert fewest(before, after) <= found <= times * fewest(before, after)


def test_who_wins_keeps_its_users() -> None:
    """When the others leave, nobody of the one that is left moves: there is nothing to deal any more."""
    assert dealt("uid", {ARM: 100})[ARM] == frozenset(range(BUCKETS))


def test_rollouts_do_not_try_everything_on_the_same_ids() -> None:
    """By chance two rollouts at 10 % have one in ten of these in common."""
    by_share = {CONTROL: 90, ARM: 10}
    common = [
        len(dealt(f"one-{number}", by_share)[ARM] & dealt(f"other-{number}", by_share)[ARM]) for number in range(200)
    ]
    assert 2.2 < mean(common) < 3.1


def test_every_bucket_is_as_likely_as_any_other() -> None:
    """To be of the candidate: among 2,000 rollouts at 10 %, by chance each is so in 203, give or take 13."""
    by_share = {CONTROL: 90, ARM: 10}
    counts = Counter(bucket for number in range(2000) for bucket in dealt(f"rollout-{number}", by_share)[ARM])
    assert len(counts) == BUCKETS
    assert all(140 < count < 270 for count in counts.values())


@given(st.frozensets(st.integers(0, BUCKETS - 1), min_size=1))
def test_an_expression_is_for_the_endings_of_its_buckets_alone(buckets: frozenset[int]) -> None:
    expression = re.compile(ending(buckets))
    found = {bucket for bucket in range(BUCKETS) if expression.fullmatch(f"8f3e-2f0f5d0a7c{bucket:02x}")}
    assert found == buckets
    assert len(expression.pattern.encode()) <= ISTIOS_LIMIT


def test_the_longest_expression_is_far_below_what_istio_takes() -> None:
    """Every other digit, so that nothing can be written as a range."""
    every_other = {first * 16 + second for first in range(16) for second in range(first % 2, 16, 2)}
    assert len(ending(every_other)) < 250


@pytest.mark.parametrize(
    ("value", "bucket"),
    [
        ("8d0c6b1e-44a7-9b52-8f3e-2f0f5d0a7c11", 0x11),
        ("8D0C6B1E-44A7-9B52-8F3E-2F0F5D0A7CFE", 0xFE),
        ("fE", 0xFE),
        ("user:0a", 0x0A),
        ("4", None),
        ("", None),
        ("jane", None),
        ("11 ", None),
        ("ag", None),
        ("1g", None),
        ("g1", None),
        ("{8d0c6b1e-44a7-9b52-8f3e-2f0f5d0a7c11}", None),
    ],
)
def test_which_bucket_an_id_has(value: str, bucket: int | None) -> None:
    found = [number for number in range(BUCKETS) if re.fullmatch(ending([number]), value)]
    assert found == ([bucket] if bucket is not None else [])


@pytest.mark.parametrize(
    ("buckets", "expression"),
    [
        ([0x0A], "(?i).*(0a)"),
        ([0x00, 0x01, 0x02, 0x09, 0x0A, 0x0B, 0x0C, 0x0D, 0xF0, 0xF1], "(?i).*(0[0-29a-d]|f[01])"),
        (range(256), f"(?i).*({'|'.join(f'{digit:x}[0-9a-f]' for digit in range(16))})"),
    ],
)
def test_how_it_is_written(buckets: list[int], expression: str) -> None:
    assert ending(buckets) == expression
