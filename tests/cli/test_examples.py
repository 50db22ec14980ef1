"""Examples of answers that differ, in `describe`: what the comparer's log has of them, and no more."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest

from modelrollout.api.compared import EXAMPLES
from modelrollout.api.shadow import Compare
from modelrollout.cli.access import Access
from modelrollout.cli.errors import ClusterError
from modelrollout.cli.examples import SHOWN, examples_in, read_examples
from modelrollout.cli.text import plain
from modelrollout.comparison.compare import Comparison
from modelrollout.comparison.examples import Examples
from modelrollout.comparison.reply import Row
from modelrollout.runtime.logs import JsonLines
from tests.core.copies import Answers
from tests.core.shadows import NEW, released
from tests.core.world import World

AT = 1795420800.0
SHOW = {"show": ["price"]}
RUNNING = {"metadata": {"name": "fraud-shadow-1"}, "status": {"containerStatuses": [{"state": {"running": {}}}]}}
STARTING = {"metadata": {"name": "fraud-shadow-1"}, "status": {}}


def written(*rows: tuple[Row, Row], show: tuple[str, ...] = ("price",)) -> str:
    """The log of a comparer that has found these to differ."""
    lines: list[str] = []
    seconds = iter(range(len(rows)))
    examples = Examples("1.0.1", Compare(show=show), lambda: float(next(seconds)))

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            record.created = AT + len(lines)
            lines.append(JsonLines().format(record))

    logger, handler = logging.getLogger(EXAMPLES), Lines()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        for one, other in rows:
            examples.tell(NEW, Comparison(Compare()).of([one], [other]), [one], [other])
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
    return "\n".join(lines)


def differing(number: int) -> tuple[Row, Row]:
    """An answer of each of the two, whose output `who` nobody is to see."""
    return {"price": float(number), "who": "alice"}, {"price": number + 0.5, "who": "bob"}


class Cluster(Access):
    """One that has these pods, whose log is this."""

    def __init__(self, log: str | ClusterError = "", *pods: Mapping[str, Any]) -> None:
        self._log, self._pods = log, pods
        self.asked: list[str] = []

    def pods(self, selector: str) -> list[dict[str, Any]]:
        self.asked.append(selector)
        return [dict(pod) for pod in self._pods]

    def log(self, pod: str, container: str, lines: int) -> str:
        self.asked.append(f"{pod} {container}")
        if isinstance(self._log, ClusterError):
            raise self._log
        return self._log


def told(cluster: Cluster, world: World) -> list[str]:
    """The block of `describe`, a minute after the first line of the log."""
    return [plain(content) for content in read_examples(cluster, world.rollout, AT + 60)]


def compared(**settings: Any) -> World:
    """A version in the shadow, whose answers are compared."""
    return released(answers=Answers(different=0.1), **settings).run(10)


def test_the_newest_are_shown() -> None:
    log = written(*map(differing, range(SHOWN + 2)))
    cluster = Cluster(log, RUNNING)
    title, *rows = told(cluster, compared(compare=SHOW))
    assert title == "Answers that differ"
    assert len(rows) == SHOWN
    assert rows[-1].split(maxsplit=2) == ["49s", "ago", f"row 0 of output price: {NEW} says 11.5, and 1.0.1 says 11.0"]
    assert not any("alice" in row or "bob" in row for row in rows)
    assert cluster.asked == [
        "modelrollout.dev/rollout=fraud,modelrollout.dev/component=comparer",
        "fraud-shadow-1 comparer",
    ]


def test_where_nothing_may_be_shown_nobody_is_asked() -> None:
    cluster = Cluster(written(differing(1)), RUNNING)
    assert told(cluster, compared()) == []
    assert cluster.asked == []


def test_what_else_the_log_has_is_no_example() -> None:
    lines = [
        json.dumps(
            {"time": "2026-11-23T08:00:00.000+00:00", "message": "alice", "logger": "modelrollout.comparison.replay"}
        ),
        "Traceback (most recent call last): alice",
        "[]",
        json.dumps({"logger": EXAMPLES}),
        written(differing(1)),
        written(differing(2))[:40],
    ]
    assert [item.words for item in examples_in("\n".join(lines))] == [
        f"row 0 of output price: {NEW} says 1.5, and 1.0.1 says 1.0"
    ]


# How far it is, the pods and the log -> the lines below the title; none where there is no title either
OTHERWISE: dict[str, tuple[World, Cluster, list[str]]] = {
    "who may not read logs": (
        compared(compare=SHOW),
        Cluster(ClusterError("cannot read the log of pod fraud-shadow-1: pods is forbidden (403)"), RUNNING),
        ["  none are shown: cannot read the log of pod fraud-shadow-1: pods is forbidden (403)"],
    ),
    "nothing differs": (compared(compare=SHOW), Cluster("", RUNNING), []),
    "it starts": (released(compare=SHOW), Cluster("", STARTING), []),
}


@pytest.mark.parametrize(("world", "cluster", "lines"), OTHERWISE.values(), ids=OTHERWISE)
def test_why_there_is_none(world: World, cluster: Cluster, lines: list[str]) -> None:
    assert told(cluster, world)[1:] == lines


@pytest.mark.parametrize("limit", [{}, {"maxDisagreement": 0.02}], ids=["it passed", "it failed"])
def test_where_they_are_once_the_comparer_has_gone(limit: dict[str, float]) -> None:
    world = compared(compare=SHOW, **limit).run(60)
    assert world.status.phase != "Shadowing"
    [line] = told(Cluster(), world)[1:]
    assert line.startswith(
        "  the comparer has gone, and its log with it: examples are where the logs of the cluster are"
    )
