"""``modelrollout simulate``: play a release of a manifest through, without a cluster and without root.

The decisions are the operator's own; only the clock, Prometheus and the cluster are made up. Whatever is wrong with
the files is one sentence and exit code 2; how the release ends is printed, and the exit code is 0.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelrollout.cli.errors import Said
from modelrollout.cli.files import file_arguments
from modelrollout.cli.one_manifest import one_manifest
from modelrollout.cli.options import Duration
from modelrollout.cli.simulate_table import end_lines, head_line, runs_lines, table_line
from modelrollout.cli.text import Line, paint
from modelrollout.simulation.decisions import Decision, Ending, as_it_stands, decisions, ending
from modelrollout.simulation.manifest import Played, played
from modelrollout.simulation.reading import InputError
from modelrollout.simulation.release import Frame
from modelrollout.simulation.runs import ends_of, summarize
from modelrollout.simulation.scenario import Scenario, under_samples, under_traffic
from modelrollout.simulation.suggested import suggested_traffic

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

EXAMPLE = "examples/simulate/slow/traffic.yaml"
LONG = 4000  # scrapes from which one release takes more than a few seconds

File = click.Path(exists=True, dir_okay=False, path_type=Path)


class Unusable(Said):
    """The files cannot be used; the message says which field and the way out."""

    exit_code = 2


@click.command()
@file_arguments("FILE")
@click.option("--traffic", type=File, help="The made-up traffic (docs/simulate.md).")
@click.option("--samples", type=File, help="Recorded counters, a JSON line each, instead of made-up traffic.")
@click.option("--seed", default=1, show_default=True, type=click.IntRange(min=0), help="Same seed, same release.")
@click.option(
    "--runs", default=1, show_default=True, type=click.IntRange(min=1), help="Releases with seeds from --seed on."
)
@click.option(
    "--approve-after", type=Duration(), metavar="DURATION", help="Approve what waits for approval, this long after."
)
@click.option("-o", "--output", default="table", show_default=True, type=click.Choice(["table", "json", "jsonl"]))
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the release into this PNG file.")
def simulate(
    files: tuple[str, ...],
    named: tuple[str, ...],
    recursive: bool,
    traffic: Path | None,
    samples: Path | None,
    seed: int,
    runs: int,
    approve_after: float | None,
    output: str,
    plot: Path | None,
) -> None:
    """Play a release of a manifest through, without a cluster.

    FILE has one ModelRollout; a folder stands for the files in it, `-` for the standard input. What users send, and how
    each version answers, is made up by --traffic (without it one for this manifest is shown, to be written into a
    file), or recorded by --samples. Nobody gives an approval, unless --approve-after says when.
    """
    if traffic is not None and samples is not None:
        raise click.UsageError("give either --traffic or --samples: what shall the candidate be judged by?")
    if runs > 1 and samples is not None:
        raise click.UsageError("--samples are the same in every run, so --runs makes no sense with them")
    if runs > 1 and plot is not None:
        raise click.UsageError("--plot draws one release; leave out --runs")
    if plot is not None:
        need_matplotlib()
        need_folder(plot)
    document = one_manifest(files, named, recursive, "simulate")
    with sentences():
        manifest = played(document.body, document.place)
        scenario = replace(read_scenario(manifest, traffic, samples), approve_after=approve_after)
        if runs > 1:
            play_many(scenario, range(seed, seed + runs), output)
        else:
            play_one(scenario, seed, output, plot)


def need_matplotlib() -> None:
    """Say what is missing before anything is played."""
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise Unusable('--plot needs matplotlib, which is not installed: pip install "modelrollout[plot]"') from error


def need_folder(picture: Path) -> None:
    """Likewise where the picture is to be written."""
    if not picture.parent.is_dir():
        raise Unusable(f"--plot {picture}: there is no folder {picture.parent}; make it, or name another one")
    if not os.access(picture if picture.exists() else picture.parent, os.W_OK):
        raise Unusable(f"--plot {picture}: this may not be written; name another file")


@contextmanager
def sentences() -> Iterator[None]:
    """Errors of the files as what the user reads."""
    try:
        yield
    except InputError as error:
        raise Unusable(str(error)) from error


def read_scenario(manifest: Played, traffic: Path | None, samples: Path | None) -> Scenario:
    """All that was given, checked. Raises InputError, or Unusable with a traffic that would do."""
    if traffic is not None:
        return under_traffic(manifest, traffic)
    if samples is not None:
        return under_samples(manifest, samples)
    _, spec = manifest
    raise Unusable(
        "--traffic is missing: what do users send, and how does each version answer? (--samples has recorded answers.) "
        f"{EXAMPLE} is an example. For this manifest, write into a file, with what you expect:",
        "",
        *suggested_traffic(spec).splitlines(),
        "",
    )


def play_one(scenario: Scenario, seed: int, output: str, plot: Path | None) -> None:
    """One release, told as it goes."""
    release = scenario.release(seed)
    if output == "table":
        show([head_line(scenario, seed)])
    frames: list[Frame] = []
    told: list[Decision] = []
    for frame, decision in watched(scenario, decisions(release)):
        last = frame
        if plot is not None:
            frames.append(frame)
        if decision is not None:
            told.append(decision)
            tell(scenario, decision, output)
    tell_end(scenario, told, as_it_stands(release, last, told[-1]), ending(release, last), output)
    if plot is not None:
        from modelrollout.simulation.picture import Story, draw

        try:
            draw(Story(scenario, tuple(frames), tuple(told)), plot)
        except OSError as error:
            raise Unusable(f"--plot {plot}: it could not be written ({error.strerror}); name another file") from error


Progress = AbstractContextManager["ProgressBar[int]"]
Passes = Iterator[tuple[Frame, Decision | None]]


def watched(scenario: Scenario, passes: Passes) -> Passes:
    """The same passes; with a progress bar before the first one is told, where they take more than a few seconds."""
    if scenario.duration / scenario.scrape_interval < LONG:
        yield from passes
        return
    done = []
    with progress(round(scenario.duration), "simulated seconds") as bar:
        for frame, decision in passes:
            done.append((frame, decision))
            bar.update(round(frame.time) - bar.pos)
    yield from done


def tell(scenario: Scenario, decision: Decision, output: str) -> None:
    """One decision, in the forms that tell them one by one."""
    if output == "table":
        show([table_line(scenario, decision)])
    elif output == "jsonl":
        click.echo(json.dumps(decision.to_json()))


def tell_end(scenario: Scenario, told: Sequence[Decision], last: Decision, end: Ending, output: str) -> None:
    """How it ended; in ``json``, with all that went before."""
    match output:
        case "table":
            show(end_lines(scenario, last, end))
        case "jsonl":
            click.echo(json.dumps(end.to_json()))
        case _:
            click.echo(json.dumps({"decisions": [item.to_json() for item in told], **end.to_json()}, indent=2))


def play_many(scenario: Scenario, seeds: range, output: str) -> None:
    """Many releases: the last line of each, and what they say together."""
    ends = []
    with progress(len(seeds), "releases") as bar:
        for end in ends_of(scenario, seeds):
            ends.append(end)
            bar.update(1)
    shares = summarize(ends)
    summary = {"runs": len(ends), "outcomes": {name: share.to_json() for name, share in shares.items()}}
    each = [{"seed": seed, **end.to_json()} for seed, end in zip(seeds, ends, strict=True)]
    match output:
        case "table":
            show(runs_lines(scenario, seeds, shares))
        case "jsonl":
            for line in (*each, summary):
                click.echo(json.dumps(line))
        case _:
            click.echo(json.dumps({"releases": each, "summary": summary}, indent=2))


def progress(length: int, label: str) -> Progress:
    """A bar on standard error, so that standard output can be piped; nothing where nobody looks."""
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


def show(lines: Sequence[Line]) -> None:
    """Lines for people: in colour on a terminal, plain elsewhere."""
    for content in lines:
        click.echo(paint(content))
