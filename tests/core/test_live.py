"""The list of trials for those who count by them: whose rewards count, and whose do not."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.api.live import LiveTrial
from modelrollout.api.status import Status
from modelrollout.core.report.live import live_trials

STABLE = {"version": "1.0.1", "uri": "u"}
EVERYBODY = {"name": "everybody", "shares": {"1.0.1": 90, "1.0.2": 10}}
MATCHED = {"name": "matched", "shares": {"1.0.2": 100}, "who": [{"headers": {"x-beta": {"exact": "1"}}}]}
PREVIEW = {"name": "preview", "shares": {"1.0.2": 100}, "who": [{"headers": {"x-preview": {"exact": "1"}}}]}


def trial(*splits: dict[str, Any], arms: tuple[str, ...] = ("1.0.2",)) -> dict[str, Any]:
    return {
        "startedAt": 1764179753.75,
        "strategy": "canary",
        "arms": [{"version": version, "uri": "u"} for version in arms],
        "route": {"splits": list(splits)} if splits else None,
    }


LISTED: dict[str, tuple[dict[str, Any], tuple[str, ...], tuple[str, ...]]] = {
    "control and arm": ({"stable": STABLE, "trial": trial(EVERYBODY)}, ("1.0.1", "1.0.2"), ("everybody",)),
    "an arm without a share": (
        {"stable": STABLE, "trial": trial(EVERYBODY, arms=("1.0.2", "1.0.3"))},
        ("1.0.1", "1.0.2", "1.0.3"),
        ("everybody",),
    ),
    "those who are matched": (
        {"stable": STABLE, "trial": trial(MATCHED, EVERYBODY)},
        ("1.0.1", "1.0.2"),
        ("matched", "everybody"),
    ),
    "previews are no users": (
        {"stable": STABLE, "trial": trial(PREVIEW, EVERYBODY)},
        ("1.0.1", "1.0.2"),
        ("everybody",),
    ),
}


@pytest.mark.parametrize(("status", "versions", "segments"), LISTED.values(), ids=LISTED.keys())
def test_a_trial_is_listed(status: dict[str, Any], versions: tuple[str, ...], segments: tuple[str, ...]) -> None:
    (found,) = live_trials({("prod", "fraud"): Status.model_validate(status)}).trials
    assert found == LiveTrial(
        namespace="prod",
        rollout="fraud",
        first_epoch=1764179753,
        epoch=1764179753,
        versions=versions,
        segments=segments,
    )


@pytest.mark.parametrize(
    "status",
    [{}, {"stable": STABLE}, {"stable": STABLE, "trial": trial()}],
    ids=["nothing yet", "nothing on trial", "no route yet"],
)
def test_what_is_not_on_trial_is_not_listed(status: dict[str, Any]) -> None:
    assert live_trials({("prod", "fraud"): Status.model_validate(status)}).trials == ()


def test_the_order_is_that_of_the_names() -> None:
    status = Status.model_validate({"stable": STABLE, "trial": trial(EVERYBODY)})
    keys = [("b", "x"), ("a", "y"), ("a", "x")]
    assert [item.key for item in live_trials(dict.fromkeys(keys, status)).trials] == sorted(keys)
