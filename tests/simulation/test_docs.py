"""The examples print what their page says."""

from __future__ import annotations

import pytest
import yaml

from modelrollout.simulation.reading import Node
from modelrollout.simulation.traffic import traffic_of
from tests.simulation.console import BLOCK, PAGES, output
from tests.simulation.scenes import EXAMPLES, ROOT, example, told

SHOWN = [found for page in PAGES for found in BLOCK.findall(page.read_text())]


@pytest.mark.parametrize(("command", "printed"), SHOWN, ids=[command.split("/")[2] for command, _ in SHOWN])
def test_the_command_prints_what_the_page_says(command: str, printed: str) -> None:
    assert output(command) == printed, "run `python -m tests.simulation.console`"


def test_every_example_is_shown() -> None:
    text = "".join(path.read_text() for path in (ROOT / "docs").glob("*.md"))
    assert [path.name for path in sorted(EXAMPLES.iterdir()) if f"examples/simulate/{path.name}" not in text] == []


def test_the_traffic_file_of_the_page_is_one() -> None:
    text = (ROOT / "docs" / "simulate.md").read_text()
    shown = text.partition("```yaml\n")[2].partition("```")[0]
    assert traffic_of(Node("docs/simulate.md", "", yaml.safe_load(shown))).rps.at(0.0) == 100


def test_the_picture_of_evidence_md_shows_what_its_text_says() -> None:
    text = (ROOT / "docs" / "evidence.md").read_text()
    *_, last = told(example("outage-and-fault"))
    [verdict] = last["verdicts"]
    name, _, numbers = verdict["message"].partition(": ")
    assert name == "errors"
    assert numbers in text
    assert (last["move"], last["at"]) == ("Rollback", 780.0 + 40.0), "forty seconds after 780 s"
    assert (ROOT / "docs" / "pictures" / "evidence.png").read_bytes()[:4] == b"\x89PNG"
