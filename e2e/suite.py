"""`make test`: everything that is tested, part by part, with the time that each part took.

Two lanes run side by side where one of them computes and the other one mostly waits: first what needs no cluster, then
the statistics beside the cluster's coming up and the stories that go by no clock. The output of the second lane comes
when each of its parts is over. The other stories have the machine to themselves. A part that fails does not keep the
next ones from running, except that without an installation there are no stories. The last line says how many tests
passed and failed; the exit code is 0 only if all passed. A part without pytest counts as one test.

The cluster is one of its own (MODELROLLOUT_CLUSTER, default `test`), so that a demo that somebody looks at goes on.
With KUBECONFIG set, the stories run on that cluster instead.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
CLUSTER = "test"
INSTALLATION = "installation"


@dataclass(frozen=True, slots=True)
class Part:
    """A command; with ``counted``, one that runs pytest, whose tests are counted one by one. What comes after it in its
    lane is not run if it fails and is ``needed`` there."""

    title: str
    command: tuple[str, ...]
    counted: bool = False
    needed: bool = False


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a part. ``seconds`` is its duration."""

    title: str
    seconds: float
    passed: int
    failed: int
    skipped: int = 0


def main() -> int:
    """Run all parts. 0 when everything passed."""
    environment = {**os.environ, "MODELROLLOUT_CLUSTER": os.environ.get("MODELROLLOUT_CLUSTER", CLUSTER)}
    began = time.monotonic()
    results = side_by_side([checks()], [stand_in(), programs(), api_server()], environment)
    results += side_by_side([quick_statistics()], [*opening(environment), stories(1, "by_no_clock")], environment)
    if any(part.title == INSTALLATION and not part.failed for part in results):
        results.append(run(stories(2, "not by_no_clock"), environment))
    results += [run(part, environment) for part in closing(environment)]
    return report(results, time.monotonic() - began)


def side_by_side(shown: Sequence[Part], told: Sequence[Part], environment: Mapping[str, str]) -> list[Result]:
    """Two lanes of parts at the same time, the first with its output as it comes."""
    with ThreadPoolExecutor(1) as pool:
        beside = pool.submit(in_turn, told, environment, quiet=True)
        return [*in_turn(shown, environment), *beside.result()]


def in_turn(parts: Sequence[Part], environment: Mapping[str, str], quiet: bool = False) -> list[Result]:
    """One part after the other, until one fails that the next ones need."""
    results: list[Result] = []
    for part in parts:
        results.append(run(part, environment, quiet))
        if results[-1].failed and part.needed:
            break
    return results


def checks() -> Part:
    """Format, lint, types, layers, unit tests."""
    return Part("check", ("make", "check"), counted=True)


def stand_in() -> Part:
    """The stand-in for TensorFlow Serving, the test models and the client, while they really run."""
    return Part("stand-in", pytest("tests/e2e_serving"), counted=True)


def programs() -> Part:
    """The programs of a cluster: ten minutes when nothing is built, nothing at all later."""
    return Part("programs", (sys.executable, "-c", "from e2e.cluster import toolchain; toolchain.ensure()"))


def api_server() -> Part:
    """What needs a real API server and nothing else of a cluster."""
    return Part("API server", pytest("tests", "-m", "apiserver", "--ignore", "tests/e2e_serving"), counted=True)


def quick_statistics() -> Part:
    """The error rates and the speed of the sequential tests, against their goals, with fewer runs than the report."""
    return Part("statistics", ("make", "bench-stats-quick"))


def opening(environment: Mapping[str, str]) -> list[Part]:
    """A cluster that is made for the stories, or the user's own, with the operator in it."""
    # The stories' own set-up does the same and finds it done.
    installation = Part(INSTALLATION, (sys.executable, "-m", "e2e.installation"), needed=True)
    up = Part("cluster up", (sys.executable, "-m", "e2e.cluster", "up"), needed=True)
    return [installation] if environment.get("KUBECONFIG") else [up, installation]


def stories(half: int, marked: str) -> Part:
    """Those of the stories that are marked so."""
    command = pytest("e2e", "-vv", "-m", marked, "--durations=12")
    return Part(f"stories {half} of 2", command, counted=True)


def closing(environment: Mapping[str, str]) -> list[Part]:
    """A cluster that was made for the stories goes away."""
    down = Part("cluster down", (sys.executable, "-m", "e2e.cluster", "down"))
    return [] if environment.get("KUBECONFIG") else [down]


def pytest(*arguments: str) -> tuple[str, ...]:
    """A pytest run by this Python."""
    return (sys.executable, "-m", "pytest", *arguments)


def run(part: Part, environment: Mapping[str, str], quiet: bool = False) -> Result:
    """Run one part, with its output as it comes; or when it is over, if that is to be ``quiet``."""
    title = f"\n=== {part.title}: {' '.join(part.command)}"
    print(f"{title} (its output comes at its end)" if quiet else title, flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report_file = Path(folder) / "report.xml"
        # By the environment, so that it reaches a pytest that `make` starts.
        told = {**environment, "PYTEST_ADDOPTS": f"--junit-xml={report_file}"} if part.counted else environment
        code = execute(part.command, told, title if quiet else None)
        seconds = time.monotonic() - started
        if part.counted and report_file.exists():
            return counted(part, report_file, seconds, code)
    return Result(part.title, seconds, passed=int(code == 0), failed=int(code != 0))


def execute(command: Sequence[str], environment: Mapping[str, str], title: str | None) -> int:
    """The exit code of a command. With a ``title`` its output is printed under that when it has ended."""
    if title is None:
        return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    print(f"{title}\n{ended.stdout}", flush=True)
    return ended.returncode


def counted(part: Part, report_file: Path, seconds: float, code: int) -> Result:
    """The result of a pytest run, from its JUnit report. A run that broke off counts as one more failure."""
    suites = ElementTree.parse(report_file).getroot().iter("testsuite")
    total = failed = skipped = 0
    for suite in suites:
        total += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    if code != 0 and failed == 0:
        failed, total = 1, total + 1
    return Result(part.title, seconds, total - failed - skipped, failed, skipped)


def report(results: list[Result], seconds: float) -> int:
    """Print the table and the last line; ``seconds`` is how long all of it took."""
    print("\n=== how long each part took")
    for result in results:
        minutes, rest = divmod(round(result.seconds), 60)
        skipped = f", {result.skipped} skipped" if result.skipped else ""
        counts = f"{result.passed} passed, {result.failed} failed{skipped}"
        print(f"{result.title:14}{minutes:4d} min {rest:02d} s   {counts}")
    print(f"{'together':14}{seconds / 60:8.1f} min")
    failed = sum(result.failed for result in results)
    print(f"{sum(result.passed for result in results)} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
