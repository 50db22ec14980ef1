"""Off-policy evaluation on real answers: the Open Bandit Dataset, where the other policy was really run, too.

An online shop showed clothes in three places of a page, half of the time at random, half by Bernoulli Thompson sampling
(Y. Saito and others, "Open Bandit Dataset and Pipeline", 2021). From what was shown at random we say what Thompson
sampling earned, and compare it with what it did earn. 10,000 rows of each are in the wheel of obp 0.4.1: enough to see
whether intervals are right, too few to rank methods.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections import defaultdict
from itertools import islice

import pytest

from modelrollout.core.evidence.off_policy import Logged, OffPolicy
from tests.wheels import fetched

OBP = ("obp==0.4.1", "87dec9caf4283c25ab13036532e0a24566f1c7bdcad1653a8ded43b2f5ef8208")
ROWS = 50  # of one tick
Row = tuple[str, str, int, float]  # place on the page, item, click, and how likely the item was to be shown there
Parts = dict[str, dict[str, float]]  # by place and item


def rows(policy: str, campaign: str) -> list[Row]:
    """The extract of one policy and campaign."""
    with zipfile.ZipFile(fetched(*OBP)) as wheel:
        text = io.TextIOWrapper(wheel.open(f"obp/dataset/obd/{policy}/{campaign}/{campaign}.csv"), encoding="utf-8")
        return [
            (row["position"], row["item_id"], int(row["click"]), float(row["propensity_score"]))
            for row in csv.DictReader(text)
        ]


def shown(log: list[Row]) -> Parts:
    """How often each item is shown in each place: the mean of how likely it was, of all times that it was shown."""
    likely: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for place, item, _, chance in log:
        likely[place][item].append(chance)
    means = {p: {item: sum(all_) / len(all_) for item, all_ in items.items()} for p, items in likely.items()}
    return {place: {item: one / sum(items.values()) for item, one in items.items()} for place, items in means.items()}


def ticks_of(log: list[Row], expected: float, items: list[str]) -> dict[str, Logged]:
    """Some rows as one tick, each place a segment, each item a version, all of them as likely."""
    found = {}
    for place in {row[0] for row in log}:
        asked, clicked = dict.fromkeys(items, 0.0), dict.fromkeys(items, 0.0)
        for _, item, click, _ in (row for row in log if row[0] == place):
            asked[item] += 1
            clicked[item] += click
        found[place] = Logged(asked, clicked, dict.fromkeys(items, 1.0 / len(items)), dict.fromkeys(items, expected))
    return found


@pytest.mark.parametrize("campaign", ["all", "men", "women"])
def test_what_thompson_sampling_earned_is_known_from_random_shares(campaign: str) -> None:
    log, real = rows("random", campaign), rows("bts", campaign)
    target, truth = shown(real), sum(row[2] for row in real) / len(real)
    items = sorted({row[1] for row in log} | {row[1] for row in real})
    assert log[0][3] == pytest.approx(1.0 / len(items), abs=1e-5)
    known, clicks, seen, left = OffPolicy(), 0, 0, iter(log)
    while part := list(islice(left, ROWS)):
        known = known.after(ticks_of(part, clicks / seen if seen else 0.0, items), {"bts": target})
        clicks, seen = clicks + sum(row[2] for row in part), seen + len(part)
    found = known.value("bts", 0.05)
    assert found is not None
    assert found.low < truth < found.high
    assert found.high - found.low < 0.015, "and says something"
    assert found.value == pytest.approx(truth, abs=0.003)
