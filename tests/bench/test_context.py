"""Contextual bandits of the bench, and how right the evaluation of other shares is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench.stats import context, ope, segments
from bench.stats.__main__ import main
from bench.stats.bandit_tables import HEADS, estimates, rows_of
from bench.stats.course_pictures import draw_context
from bench.stats.policies import FLOOR, growthbook, iter8
from bench.stats.product import NAME
from bench.stats.segments import DIFFER, EQUAL, EVEN, GLOBAL, POLICIES, Scenario, batches_of, play
from bench.stats.traffic import generator
from modelrollout.core.evidence.belief import Belief

SHORT = Scenario(20_000, DIFFER, EVEN, POLICIES)


def test_an_equal_split_loses_what_can_be_computed() -> None:
    assert play(SHORT, POLICIES[EQUAL], generator(1, "test")) == pytest.approx(20_000 * 0.01, rel=0.03)


def test_one_bandit_for_everybody_cannot_know_who_is_the_best_where() -> None:
    alone, everybody = (play(SHORT, POLICIES[name], generator(1, "test")) for name in (NAME, GLOBAL))
    assert alone < 0.85 * everybody


def test_every_policy_gives_all_requests_of_each_segment() -> None:
    beliefs = [[Belief(1e4 * rate, 1e4) for rate in rates] for rates in DIFFER]
    for name, rule in POLICIES.items():
        shares = rule(beliefs)
        assert [sum(row) for row in shares] == pytest.approx([1.0] * 4), name
        if name not in (GLOBAL, EQUAL):
            assert [row.index(max(row)) for row in map(list, shares)] == [0, 1, 2, 1]
    assert min(segments.shrunken(beliefs)[0]) == FLOOR


def test_other_rules_are_played_in_each_segment_by_itself() -> None:
    beliefs = [
        [Belief(50.0, 1000.0), Belief(90.0, 1000.0), Belief(50.0, 1000.0)],
        [Belief(90.0, 1000.0), *[Belief()] * 2],
    ]
    assert POLICIES["Iter8-like in each segment"](beliefs) == [iter8(row, range(3)) for row in beliefs]
    assert POLICIES["GrowthBook-like in each segment"](beliefs) == [growthbook(row, range(3)) for row in beliefs]


def test_batches_tell_what_the_best_arms_get() -> None:
    batches = list(batches_of(SHORT, POLICIES[EQUAL], generator(1, "test")))
    assert [batch.best for batch in batches] == pytest.approx([0.25] * 20)
    assert sum(batch.lost for batch in batches) == play(SHORT, POLICIES[EQUAL], generator(1, "test"))


def test_the_picture_has_segments_that_differ_and_that_do_not(tmp_path: Path) -> None:
    draw_context(tmp_path / "context.png", runs=1, requests=12_000)
    assert (tmp_path / "context.png").read_bytes().startswith(b"\x89PNG")


def test_an_evaluation_is_scored_by_the_truth(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ope, "TICKS", 110)
    end = ope.play(0.05, generator(1, "test"))
    assert set(end) == set(ope.ASKED)
    assert end["ran"][0] is False
    assert abs(end["ran"][1]) < end["ran"][2]
    assert (ope.WINNER, ope.STARVED) == ("1.0.0", "1.0.2")


def test_the_suites_run_and_their_tables_have_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, scenario in context.SCENARIOS.items():
        monkeypatch.setitem(context.SCENARIOS, name, replace(scenario, requests=2000))
    monkeypatch.setattr(ope, "TICKS", 101)
    path = tmp_path / "out.json"
    suites = ["--suite", "context", "--suite", "ope"]
    result = CliRunner().invoke(main, [*suites, "--quick", "--runs", "2", "--json", str(path), "--processes", "1"])
    assert result.exit_code == 0, result.output
    results = json.loads(path.read_text())["results"]
    assert len(rows_of(results["context"], HEADS["context"])) == 1 + 2 * len(POLICIES)
    assert [len(row) for row in estimates(results["ope"])] == [6] * (1 + 2 * len(ope.ASKED))
