"""A small terminal: whatever a release is at, what decides is seen on 60 x 20 without scrolling."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from modelrollout.api.status import Phase
from modelrollout.cli.live import Room, frame
from modelrollout.cli.render import tree
from modelrollout.cli.render_evidence import asked_now, has_counts
from modelrollout.cli.render_small import COLUMNS, fitted, small
from modelrollout.cli.text import fold, plain
from modelrollout.cli.view import View, spec_in_force
from modelrollout.core.validate.probed import Probed
from tests.cli.test_render import CASES, load, view_of
from tests.cli.worlds import (
    CANDIDATE,
    approving,
    baking,
    first_version,
    installed,
    paused,
    paused_above_an_approval,
    promoted,
    proven_worse,
    side_by_side,
)
from tests.core import phases, shadows
from tests.core.world import CANARY, PLAIN, World

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
        "  ▶ 2  weight 10 % for 10m  ██████████░░░░░░░░░░  5m15s left",
        "stable 2.3.1160  90 %  2/2 ready",
        "candidate 2.4.1187  10 %  1/2 ready",
        "  fraud-2-4-1187-b: container serving is restarted after OO…",
    ]


def validating() -> World:
    """Its pods cannot be asked for their signature."""
    world = installed().configure(validation={})
    world.probed = Probed(None, PLAIN, "1.1.2 at 10.0.0.1:8500: UNAVAILABLE: connection refused")
    return world.apply(version=CANDIDATE).run(15)


def refused() -> World:
    """Nothing is released, and the spec that was written last cannot be."""
    return World.of(CANARY).apply(uri="ftp://models/fraud/2").run(10)


PHASES: dict[str, tuple[Phase, Callable[[], World]]] = {
    "the first version is loaded": (Phase.PENDING, first_version),
    "a candidate is loaded": (Phase.PENDING, phases.loading),
    "looked at before any traffic": (Phase.VALIDATING, validating),
    "compared in the shadow": (Phase.SHADOWING, shadows.released),
    "at a clock": (Phase.PROGRESSING, phases.at_a_clock),
    "three versions side by side": (Phase.HEALTHY, side_by_side),
    "Prometheus away": (Phase.PROGRESSING, phases.blind),
    "smoke requests": (Phase.PROGRESSING, phases.smoking),
    "paused": (Phase.PAUSED, paused),
    "paused above an approval": (Phase.PAUSED, paused_above_an_approval),
    "a person is asked": (Phase.AWAITING_APPROVAL, approving),
    "the bake": (Phase.BAKING, baking),
    "served": (Phase.HEALTHY, promoted),
    "taken back": (Phase.ROLLING_BACK, lambda: phases.say(phases.at_a_clock(), "abort")),
    "proven worse": (Phase.DEGRADED, proven_worse),
    "refused": (Phase.INVALID, refused),
}
ROOMS = {"60x20": Room(60, 20), "80x24": Room(80, 24), "200x60": Room(200, 60)}


@pytest.mark.parametrize("room", ROOMS.values(), ids=ROOMS.keys())
@pytest.mark.parametrize(("phase", "world"), PHASES.values(), ids=PHASES.keys())
def test_every_phase_fits_with_what_decides(phase: Phase, world: Callable[[], World], room: Room) -> None:
    here = world()
    view = View(here.rollout, here.now)
    drawn = [plain(part) for content in fitted(view, room) for part in fold(content, room.columns)]
    assert view.rollout.status.phase is phase
    assert len(drawn) < room.lines
    assert [metric for metric in judged(view) if not any(f"{metric}  " in text for text in drawn)] == []
    assert any(phase.value in text for text in drawn[:2])


def test_where_there_is_room_the_whole_tree_is_drawn() -> None:
    view = view_of(load("canary-under-way"))
    height = sum(len(fold(content, 120)) for content in tree(view)) + 1
    assert Room(120, height).takes(tree(view))
    assert not Room(120, height - 1).takes(tree(view))
