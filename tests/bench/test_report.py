"""``bench.stats.report``: a suite that was counted writes its own section, and nobody else's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bench import results
from bench.stats import report
from bench.stats.__main__ import NAMES
from bench.stats.report import NOTES, SUITES, main

SHARE = {"value": 0.0, "low": 0.0, "high": 0.001, "runs": 2000}
QUARANTINED = {"blue/green, shared outage, 3 % errors for 30 s": {"ModelRollout": {"quarantined": SHARE}}}


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page of results with the section of another suite."""
    path = tmp_path / "RESULTS.md"
    path.write_text("# Results\n\n<!-- statistics-srm -->\n## of yesterday\n<!-- end of statistics-srm -->\n")
    monkeypatch.setattr(results, "PAGE", path)
    return path


def written(folder: Path, found: dict[str, Any]) -> str:
    """What the command says when these suites were measured."""
    measured = folder / "out.json"
    measured.write_text(
        json.dumps({"command": "python -m bench.stats", "form": "full", "seed": 1, "results": found}), encoding="utf-8"
    )
    result = CliRunner().invoke(main, [str(measured)])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_suite_writes_its_own_section(page: Path, tmp_path: Path) -> None:
    said = written(tmp_path, {"bake": QUARANTINED})
    text = page.read_text()
    assert "after the last step" in said
    assert "## of yesterday" in text  # what was not counted stays as it is
    assert "`python -m bench.stats --suite bake`" in text
    assert "| 0 % | 0 % to 0.1 % | <= 1 % (upper limit) | met |" in text


def test_rules_are_compared_only_where_all_their_suites_were_measured(page: Path, tmp_path: Path) -> None:
    before = page.read_text()
    assert written(tmp_path, {"canary": {}}) == ""
    assert page.read_text() == before


def test_every_suite_has_a_section_and_every_note_a_suite() -> None:
    assert sorted(suite for suites in SUITES.values() for suite in suites) == sorted(NAMES)
    assert {note.stem for note in NOTES.glob("*.md")} <= set(SUITES)


def test_a_suite_of_bandits_has_its_picture(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "PICTURES", tmp_path)
    monkeypatch.setitem(report.DRAWN, "drift", lambda path: path.write_bytes(b"drawn"))
    lost = {"value": 617.0, "low": 600.0, "high": 630.0, "runs": 100}
    written(tmp_path, {"drift": {"nothing changes": {"ModelRollout": {"regret": lost}}}})
    assert (tmp_path / "statistics-drift.png").read_bytes() == b"drawn"
    assert "(pictures/statistics-drift.png)" in page.read_text()
    assert "| nothing changes | ModelRollout | 100 | 617 | – |" in page.read_text()
