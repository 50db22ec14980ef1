"""Recorded counters: what is wrong with them is one sentence, and what is right gives the release that they were of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from modelrollout.api.route import EVERYBODY
from modelrollout.core.observation import Sample
from modelrollout.simulation.decisions import decisions, ending
from modelrollout.simulation.events import CounterReset
from modelrollout.simulation.reading import InputError
from modelrollout.simulation.recorded import to_lines
from modelrollout.simulation.scenario import Scenario, from_samples
from tests.simulation.scenes import EXAMPLES, FOCUSED, MANIFEST, cases, example, told, with_events, write

GOOD = [
    '{"at": 0, "version": "2.3.1160", "metric": "errors", "bad": 3, "trials": 512}',
    '{"at": 5.0, "version": "2.4.1187", "metric": "errors", "bad": 1, "trials": 100}',
    '{"at": 5.0, "version": "2.3.1160", "metric": "errors", "bad": 4, "trials": 900}',
]


@pytest.mark.parametrize(("line", "sentence"), cases("samples_refused.yaml"))
def test_refused_with_a_sentence(line: str, sentence: str, tmp_path: Path) -> None:
    samples = write(tmp_path, "samples.jsonl", "\n".join([*GOOD, line]))
    with pytest.raises(InputError) as error:
        from_samples(write(tmp_path, "rollout.yaml", MANIFEST), samples)
    assert str(error.value).startswith(str(samples))
    assert sentence in str(error.value)


def test_what_releases_nothing_is_not_played(tmp_path: Path) -> None:
    manifest = write(tmp_path, "rollout.yaml", f"{MANIFEST.rstrip()}\n  validateOnly: {{against: fraud}}\n")
    with pytest.raises(
        InputError, match=r"spec\.validateOnly releases nothing, so there is nothing to play; remove it"
    ):
        from_samples(manifest, write(tmp_path, "samples.jsonl", "\n".join(GOOD)))


EMPTY = {
    "nothing": ([], "no line has an at of 0 or more, so nothing happens in the release"),
    "only the past": ([GOOD[0].replace('"at": 0', '"at": -5')], "no line has an at of 0 or more"),
    "only the candidate": (GOOD[1:2], "the stable one; there is none"),
}


@pytest.mark.parametrize(("lines", "sentence"), EMPTY.values(), ids=EMPTY.keys())
def test_too_little_to_play(lines: list[str], sentence: str, tmp_path: Path) -> None:
    samples = write(tmp_path, "samples.jsonl", "\n".join(lines))
    with pytest.raises(InputError, match=sentence):
        from_samples(write(tmp_path, "rollout.yaml", MANIFEST), samples)


def test_whose_requests_were_counted_is_not_known(tmp_path: Path) -> None:
    samples = write(tmp_path, "samples.jsonl", "\n".join(GOOD))
    with pytest.raises(InputError, match="recorded counters do not tell whose requests they count"):
        from_samples(write(tmp_path, "rollout.yaml", FOCUSED), samples)


def recorded(scenario: Scenario, folder: Path, seed: int) -> Path:
    """All samples of a made-up release, as somebody would have written them down beside it."""
    release = scenario.release(seed)
    seen: dict[tuple[str, float], Sample] = {}
    times = list(release.source.scrapes)
    for frame, _ in decisions(release):
        last = frame.time
        note(seen, release.source.read(frame.time, (EVERYBODY,)))
    for time in times:
        if time > last:
            note(seen, release.source.read(time, (EVERYBODY,)))
    past = release.source.baseline() or {}
    lines = to_lines(seen.values(), past, scenario.stable, scenario.scrape_interval)
    return write(folder, "samples.jsonl", "\n".join(lines))


def note(seen: dict[tuple[str, float], Sample], samples: object) -> None:
    """Each sample once."""
    assert isinstance(samples, dict)
    for found in samples.values():
        assert isinstance(found, Sample)
        seen.setdefault((found.metric, found.at), found)


def decided(scenario: Scenario, seed: int) -> list[dict[str, Any]]:
    """All decisions of a release. Recorded counters do not tell the bound that latency was read at."""
    lines = told(scenario, seed)
    for verdict in (verdict for line in lines for verdict in line["verdicts"]):
        verdict.pop("bound", None)
    return lines


RESET = CounterReset(400.0, "candidate")


@pytest.mark.parametrize("name", ["errors", "slow", "late-fault", "shared-outage"])
def test_recorded_samples_give_the_same_release_as_the_generated_ones(name: str, tmp_path: Path) -> None:
    scenario = example(name)
    again = from_samples(EXAMPLES / name / "rollout.yaml", recorded(scenario, tmp_path, seed=3))
    assert decided(again, seed=1) == decided(scenario, seed=3)


def test_a_recorded_reset_gives_the_same_release(tmp_path: Path) -> None:
    scenario = with_events(example("late-fault"), RESET)
    again = from_samples(EXAMPLES / "late-fault" / "rollout.yaml", recorded(scenario, tmp_path, seed=3))
    assert decided(again, seed=1) == decided(scenario, seed=3)
    assert '"reset": true' in (tmp_path / "samples.jsonl").read_text()


def test_recorded_samples_know_what_was_served(tmp_path: Path) -> None:
    scenario = example("late-fault")
    again = from_samples(EXAMPLES / "late-fault" / "rollout.yaml", recorded(scenario, tmp_path, seed=3))
    ends = []
    for release in (scenario.release(3), again.release(1)):
        *_, (last, _) = decisions(release)
        ends.append(ending(release, last))
    assert ends[0] == ends[1]
    assert ends[0].bad_served > 0
