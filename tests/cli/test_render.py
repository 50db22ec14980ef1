"""The pictures, each kept as a file: ``golden/NAME.yaml`` is what the cluster says, ``golden/NAME.txt`` what is drawn,
and ``golden/NAME.describe.txt`` what ``describe`` adds. ``python -m tests.cli.test_render`` writes the pictures anew.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelrollout.api.match import RequestMatch
from modelrollout.cli.pods import pod_from_json
from modelrollout.cli.render import one_line, tree
from modelrollout.cli.render_detail import detail, event_from_json
from modelrollout.cli.render_route import match_words
from modelrollout.cli.render_table import rollout_table
from modelrollout.cli.text import plain
from modelrollout.cli.view import View
from modelrollout.resource.rollout import ModelRollout

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.stem for path in GOLDEN.glob("*.yaml"))


def load(name: str) -> dict[str, Any]:
    case: dict[str, Any] = yaml.safe_load((GOLDEN / f"{name}.yaml").read_text())
    return case


def view_of(case: dict[str, Any]) -> View:
    pods = tuple(pod_from_json(body) for body in case.get("pods", ()))
    now = datetime.fromisoformat(case["now"]).timestamp()
    return View(ModelRollout.from_json(case["rollout"]), now, pods, case.get("note", ""))


def drawn(name: str) -> str:
    return "".join(f"{plain(content)}\n" for content in tree(view_of(load(name))))


def described(name: str) -> str:
    case = load(name)
    events = [event_from_json(body) for body in case.get("events", ())]
    return "".join(f"{plain(content)}\n" for content in detail(view_of(case), events))


def tabled() -> str:
    views = [view_of(load(name)) for name in CASES]
    rollouts = [view.rollout for view in views]
    return "".join(f"{plain(content)}\n" for content in rollout_table(rollouts, views[0].now, with_namespace=True))


def in_one_line() -> str:
    return "".join(f"{name}: {one_line(view_of(load(name)).rollout)}\n" for name in CASES)


def test_whose_requests_are_meant_in_words() -> None:
    wanted = {
        "headers": {"x-user": {"regex": "7.*"}, "x-group": {"prefix": "st"}},
        "cookies": {"beta": {"exact": "yes"}},
        "sourceLabels": {"app": "checkout"},
    }
    assert match_words(RequestMatch.model_validate(wanted)) == (
        "x-group begins with st and x-user matches 7.* and cookie beta is yes and the caller's app is checkout"
    )


@pytest.mark.parametrize("name", CASES)
def test_tree(name: str) -> None:
    assert drawn(name) == (GOLDEN / f"{name}.txt").read_text()


@pytest.mark.parametrize("name", CASES)
def test_description(name: str) -> None:
    assert described(name) == (GOLDEN / f"{name}.describe.txt").read_text()


def test_table() -> None:
    assert tabled() == (GOLDEN / "table.txt").read_text()


def test_one_line_each() -> None:
    assert in_one_line() == (GOLDEN / "one-line.txt").read_text()


@pytest.mark.parametrize("name", CASES)
def test_one_line_says_nothing_of_the_passing_time(name: str) -> None:
    case = load(name)
    later = case | {"now": "2026-12-31T00:00:00Z"}
    assert one_line(view_of(case).rollout) == one_line(view_of(later).rollout)


def test_steps_are_drawn_though_the_memory_of_the_release_cannot_be_read() -> None:
    case = load("canary-under-way")
    case["rollout"]["status"]["trial"]["memory"] = {"step": ["spoilt"], "stepStartedAt": "yesterday"}
    lines = [plain(content) for content in tree(view_of(case))]
    assert "  ▶ 2  weight 10 % for 10m                  ░" in "\n".join(lines)


def test_a_person_who_holds_all_is_named_once() -> None:
    case = load("two-candidates-for-some")
    for arm in case["rollout"]["status"]["trial"]["arms"]:
        arm["paused"] = "paused by a person: looks slow"
    held = [plain(content) for content in tree(view_of(case)) if "held: " in plain(content)]
    assert held == ["! weights are held: paused by a person: looks slow"]


def test_a_command_that_was_not_carried_out_is_told() -> None:
    case = load("canary-under-way")
    case["rollout"]["status"]["commandIgnored"] = "promote: step 2 has only just begun"
    lines = [plain(content) for content in tree(view_of(case))]
    assert "! the last command: promote: step 2 has only just begun" in lines


def write_anew() -> None:
    for name in CASES:
        (GOLDEN / f"{name}.txt").write_text(drawn(name))
        (GOLDEN / f"{name}.describe.txt").write_text(described(name))
    (GOLDEN / "table.txt").write_text(tabled())
    (GOLDEN / "one-line.txt").write_text(in_one_line())


if __name__ == "__main__":
    write_anew()
