"""A small terminal: whatever a release is at, what decides is seen on 60 x 20 without scrolling."""

from __future__ import annotations

import pytest

from modelrollout.cli.live import Room, frame
from modelrollout.cli.render import tree
from modelrollout.cli.render_evidence import asked_now, has_counts
from modelrollout.cli.render_small import COLUMNS, small
from modelrollout.cli.text import fold, plain
from modelrollout.cli.view import View, spec_in_force
from tests.cli.test_render import CASES, load, view_of

ROOM = Room(COLUMNS, 20)


def judged(view: View) -> list[str]:
    """The metrics that have something to say."""
    status, spec = view.rollout.status, spec_in_force(view.rollout)
    tests = [item for arm in status.arms for item in asked_now(status, spec, arm)]
    return [item.metric for item in tests or status.last_analysis if has_counts(item)]


@pytest.mark.parametrize("name", CASES)
def test_every_metric_that_is_judged_is_in_the_frame(name: str) -> None:
    view = view_of(load(name))
    drawn = frame(small(view), ROOM)
    assert [metric for metric in judged(view) if f"{metric}  " not in drawn] == []
    assert view.rollout.status.phase.value in drawn


@pytest.mark.parametrize("name", [name for name in CASES if not name.startswith(("two-", "test-"))])
def test_a_release_of_one_version_fits_as_a_whole(name: str) -> None:
    assert ROOM.takes(small(view_of(load(name))))


def test_the_evidence_stands_before_pods_and_steps() -> None:
    lines = [plain(content) for content in small(view_of(load("canary-under-way")))]
    assert lines == [
        "fraud  Progressing, step 2/5",
        "2.4.1187 at 10 %: step 2 is held for 10m",
        "errors  Undecided  1 bad of 812 (0.123 %), stable 0.11 %",
        "  worse ██░░░░░░ 2.9/100  not worse ████░░░░ 4.5/20",
        "latency  Pass  12 bad of 812 (1.48 %), stable 1.92 %",
        "  worse ░░░░░░░░ 0.37/100  not worse ████████ 1,203/20",
        "  ▶ 2  weight 10 % for 10m                  ██████████░░░░░░░░░░  5m15s left",
        "stable 2.3.1160  90 %  2/2 ready",
        "candidate 2.4.1187  10 %  1/2 ready",
        "  fraud-2-4-1187-b: container serving is restarted after OO…",
    ]


def test_where_there_is_room_the_whole_tree_is_drawn() -> None:
    view = view_of(load("canary-under-way"))
    height = sum(len(fold(content, 120)) for content in tree(view)) + 1
    assert Room(120, height).takes(tree(view))
    assert not Room(120, height - 1).takes(tree(view))
