"""``modelrollout simulate`` as a user types it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from modelrollout.cli.main import main
from modelrollout.cli.simulate import EXAMPLE
from modelrollout.simulation.manifest import read_manifest
from modelrollout.simulation.scenario import under_traffic
from tests.simulation.scenes import MANIFEST, ROOT, TRAFFIC, write


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The options that name a manifest and a traffic."""
    manifest, traffic = write(tmp_path, "rollout.yaml", MANIFEST), write(tmp_path, "traffic.yaml", TRAFFIC)
    return ["-f", str(manifest), "--traffic", str(traffic)]


def simulate(*arguments: str) -> Result:
    """The command, as it would be typed."""
    return CliRunner().invoke(main, ["simulate", *arguments])


def test_jsonl_has_a_line_for_each_decision_and_one_for_the_end(files: list[str]) -> None:
    result = simulate(*files, "-o", "jsonl")
    *decisions, end = [json.loads(line) for line in result.output.splitlines()]
    assert result.exit_code == 0
    assert all(list(line) == ["at", "phase", "weights", "move", "reason", "verdicts"] for line in decisions)
    assert all(sum(line["weights"].values()) == 100 for line in decisions)
    assert [line["move"] for line in decisions if line["move"] not in ("Start", "Hold")][-1] == "Promote"
    assert list(end) == ["outcome", "at", "badServed", "requests"]
    assert (end["outcome"], end["at"]) == ("Promoted", 242.05)


def test_json_is_one_document(files: list[str]) -> None:
    body = json.loads(simulate(*files, "-o", "json").output)
    assert [line["move"] for line in body["decisions"]][-1] == "Promote"
    assert body["outcome"] == "Promoted"


def test_runs_end_with_a_summary(files: list[str]) -> None:
    *ends, summary = [
        json.loads(line) for line in simulate(*files, "--seed", "5", "--runs", "6", "-o", "jsonl").output.splitlines()
    ]
    assert [end["seed"] for end in ends] == [5, 6, 7, 8, 9, 10]
    promoted = summary["outcomes"]["Promoted"]
    assert (summary["runs"], promoted["runs"], promoted["share"]) == (6, 6, 1.0)
    assert 0.54 < promoted["low"] < 0.55, "six of six: the true share may still be 54 %"


def test_runs_are_the_single_releases(files: list[str]) -> None:
    runs = [json.loads(line) for line in simulate(*files, "--runs", "6", "-o", "jsonl").output.splitlines()]
    for end in runs[:-1]:
        alone = simulate(*files, "--seed", str(end["seed"]), "-o", "jsonl").output.splitlines()[-1]
        assert end == {"seed": end["seed"], **json.loads(alone)}


def test_the_table_of_runs(files: list[str]) -> None:
    lines = simulate(*files, "--runs", "6").output.splitlines()
    assert lines[0] == "fraud 2.4.1187 against 2.3.1160: 6 releases, seeds 1 to 6"
    assert lines[2].split()[:4] == ["Promoted", "6", "100.0", "%"]


@pytest.mark.parametrize("output", ["table", "json", "jsonl"])
def test_same_seed_same_bytes_in_another_process(output: str, files: list[str]) -> None:
    code = f"from modelrollout.cli.main import main; main({['simulate', *files, '-o', output]!r})"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout == simulate(*files, "-o", output).output


def test_another_seed_is_another_release(files: list[str]) -> None:
    assert simulate(*files, "--seed", "1").output != simulate(*files, "--seed", "2").output


def test_the_picture_is_the_same_each_time(files: list[str], tmp_path: Path) -> None:
    pictures = [tmp_path / "one.png", tmp_path / "two.png"]
    for picture in pictures:
        assert simulate(*files, "--plot", str(picture)).exit_code == 0
    assert pictures[0].read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert pictures[0].read_bytes() == pictures[1].read_bytes()


def test_without_matplotlib_the_picture_is_refused_in_one_sentence(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = simulate(*files, "--plot", str(tmp_path / "release.png"))
    assert result.exit_code == 2
    assert result.output == (
        'Error: --plot needs matplotlib, which is not installed: pip install "modelrollout[plot]"\n'
    )
    assert not (tmp_path / "release.png").exists()


def test_a_picture_that_cannot_be_written_after_all_is_one_sentence(files: list[str]) -> None:
    """It is only known when it is tried: a full disk, a file system that takes no files."""
    result = simulate(*files, "--plot", "/proc/release.png")
    assert result.exit_code == 2
    assert result.output.splitlines()[-1].startswith("Error: --plot /proc/release.png: ")
    assert result.output.splitlines()[-1].endswith("name another file")


CONTRADICTIONS = {
    "nothing to judge by": (["-f"], "--traffic is missing: what do users send, and how does each version answer?"),
    "both": (["-f", "--traffic", "--samples"], "give either --traffic or --samples"),
    "many runs of what was recorded": (["-f", "--samples", "--runs", "2"], "--samples are the same in every run"),
    "a picture of many": (["-f", "--traffic", "--runs", "2", "--plot", "x.png"], "--plot draws one release"),
    "no manifest": (["--traffic"], "no file is named; write for example modelrollout simulate -f rollout.yaml"),
    "a manifest that is not there": (["--traffic", "other.yaml"], "cannot read other.yaml: No such file"),
    "a picture into a folder that is not there": (
        ["-f", "--traffic", "--plot", "nowhere/release.png"],
        "--plot nowhere/release.png: there is no folder nowhere; make it, or name another one",
    ),
    "an approval at no time": (["-f", "--traffic", "--approve-after", "soon"], "'soon' is not a duration"),
    "no run at all": (["-f", "--traffic", "--runs", "0"], "0 is not in the range x>=1"),
}


@pytest.mark.parametrize(("options", "sentence"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_contradictions_are_refused(options: list[str], sentence: str, files: list[str]) -> None:
    named = {"-f": files[1], "--traffic": files[3], "--samples": files[3]}
    arguments = [part for option in options for part in ([option, named[option]] if option in named else [option])]
    result = simulate(*arguments)
    assert result.exit_code == 2
    assert sentence in result.output


def test_a_manifest_is_named_as_for_lint(files: list[str]) -> None:
    """By -f, by the name alone, by kubectl's long option, or on the standard input."""
    usual = simulate(*files).output
    assert usual.startswith("fraud 2.4.1187 against 2.3.1160")
    manifest, traffic = files[1], files[2:]
    assert simulate(manifest, *traffic).output == usual
    assert simulate("--filename", manifest, *traffic).output == usual
    given = CliRunner().invoke(main, ["simulate", "-", *traffic], input=Path(manifest).read_text())
    assert given.output == usual


def test_of_a_folder_the_one_rollout_is_played(files: list[str], tmp_path: Path) -> None:
    usual = simulate(*files).output
    assert simulate("-f", str(tmp_path), *files[2:]).output == usual, "the traffic beside it is no manifest"
    write(tmp_path, "second.yaml", MANIFEST)
    result = simulate("-f", str(tmp_path), *files[2:])
    assert result.exit_code == 2
    assert "takes one ModelRollout, and here are 2: " in result.output
    assert f"{tmp_path}/second.yaml document 1 (fraud)" in result.output


def test_what_is_wrong_with_a_manifest_is_said_as_lint_says_it(files: list[str]) -> None:
    Path(files[1]).write_text(f"kind: ConfigMap\n---{MANIFEST}".replace("setWeight: 25", "setWeight: 101"))
    result, checked = simulate(*files), CliRunner().invoke(main, ["lint", files[1]])
    assert (result.exit_code, checked.exit_code) == (2, 1)
    assert result.output == f"Error: {checked.output}"
    assert "rollout.yaml document 2 (fraud): spec.strategy.canary.steps[0].setWeight" in result.output


MANIFESTS = sorted(path for path in (ROOT / "examples").rglob("*.yaml") if path.name != "traffic.yaml")


def test_of_several_mistakes_each_has_a_line(files: list[str]) -> None:
    """And no words of a manifest make another one."""
    wrong = 'strategy: {canari: {}, "a\\nb": 1}\n'
    Path(files[1]).write_text(MANIFEST.partition("strategy:")[0] + wrong)
    result = simulate(*files)
    assert result.exit_code == 2
    lines = result.output.splitlines()
    assert len(lines) > 1
    assert all(": spec." in line for line in lines), lines


@pytest.mark.parametrize("manifest", MANIFESTS, ids=[str(path.relative_to(ROOT)) for path in MANIFESTS])
def test_without_a_traffic_one_is_shown_that_fits(manifest: Path, tmp_path: Path) -> None:
    result = simulate("-f", str(manifest))
    assert result.exit_code == 2
    words, _, shown = result.output.partition("\n\n")
    assert (ROOT / EXAMPLE).is_file()
    assert EXAMPLE in words
    under_traffic(read_manifest(manifest), write(tmp_path, "traffic.yaml", shown))


def test_a_picture_into_a_missing_folder_is_refused_before_anything_is_played(files: list[str], tmp_path: Path) -> None:
    result = simulate(*files, "--plot", str(tmp_path / "nowhere" / "release.png"))
    assert result.exit_code == 2
    assert result.output.count("\n") == 1, "one sentence, and no decision before it"


WAITING = MANIFEST.replace("{setWeight: 50, for: 2m}", "{approval: {}}, {setWeight: 50, for: 2m}")


def test_nobody_approves_unless_it_is_asked_for(files: list[str]) -> None:
    Path(files[1]).write_text(WAITING)
    end = json.loads(simulate(*files, "-o", "jsonl").output.splitlines()[-1])
    assert (end["outcome"], end["at"]) == ("Paused", 360.0)
    assert "waits for approval" in end["stands"]
    assert simulate(*files).output.splitlines()[-1].startswith("Nobody approves in a simulation; say --approve-after ")
    assert "Nobody approves" not in simulate(*files, "--approve-after", "10s").output


@pytest.mark.parametrize(("after", "shifted"), [("30s", 92), ("90s", 152)])
def test_an_approval_comes_after_the_time_that_is_given(files: list[str], after: str, shifted: int) -> None:
    Path(files[1]).write_text(WAITING)
    *decisions, end = [
        json.loads(line) for line in simulate(*files, "--approve-after", after, "-o", "jsonl").output.splitlines()
    ]
    [rise] = [line["at"] for line in decisions if line["move"] == "Shift" and line["weights"]["2.4.1187"] == 50]
    assert int(rise) == shifted, "the step of 1m, then the person"
    assert end["outcome"] == "Promoted"


def test_each_of_many_runs_is_approved(files: list[str]) -> None:
    Path(files[1]).write_text(WAITING)
    summary = json.loads(
        simulate(*files, "--approve-after", "10s", "--runs", "5", "-o", "jsonl").output.splitlines()[-1]
    )
    assert list(summary["outcomes"]) == ["Promoted"]


def test_the_last_lines_are_as_of_the_end(files: list[str]) -> None:
    """The release waits from 1 min on; the verdict is of all that was answered until 6 min."""
    Path(files[1]).write_text(WAITING)
    *_, verdict, outcome, _ = simulate(*files).output.splitlines()
    [answered] = [int(word.replace(",", "")) for word in outcome.split() if word.replace(",", "").isdigit()][:1]
    judged = int(verdict.partition(" of ")[2].split()[0])
    assert judged > 0.95 * answered
    assert outcome.endswith("step 2 waits for approval: modelrollout promote fraud -n default")


def test_a_wrong_file_is_one_sentence(files: list[str]) -> None:
    Path(files[3]).write_text("rps: many")
    result = simulate(*files)
    assert result.exit_code == 2
    assert result.output.count("\n") == 1
    assert "scrapeInterval is missing" in result.output
