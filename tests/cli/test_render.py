"""The pictures, each kept as a file: ``golden/NAME.yaml`` is what the cluster says, ``golden/NAME.txt`` what is drawn,
and ``golden/NAME.describe.txt`` what ``describe`` adds. ``python -m tests.cli.test_render`` writes the pictures anew.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelrollout.api.resource import ModelRollout
from modelrollout.cli.pods import pod_from_json
from modelrollout.cli.render import View, one_line, tree
from modelrollout.cli.render_detail import detail, event_from_json
from modelrollout.cli.render_table import rollout_table
from modelrollout.cli.text import plain

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
    return "".join(f"{name}: {one_line(view_of(load(name)).rollout.status)}\n" for name in CASES)


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
    assert one_line(view_of(case).rollout.status) == one_line(view_of(later).rollout.status)


def write_anew() -> None:
    for name in CASES:
        (GOLDEN / f"{name}.txt").write_text(drawn(name))
        (GOLDEN / f"{name}.describe.txt").write_text(described(name))
    (GOLDEN / "table.txt").write_text(tabled())
    (GOLDEN / "one-line.txt").write_text(in_one_line())


if __name__ == "__main__":
    write_anew()
