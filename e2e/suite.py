"""`make test`: everything that is tested, part by part, with the time that each part took.

Five lanes run side by side. The stories mostly wait, so they come first, each half of them on a cluster of its own; the
first half is shown as it comes. What needs a server of its own gets a tenth of what they get where both want a
processor, and what computes, in two lanes, gets what is left; the output of all these parts comes at their end. A part
that fails does not keep the next ones from running, except that without a cluster there are no stories. The last
line says how many tests passed and failed; the exit code is 0 only if all passed. A part without pytest counts as one
test.

The clusters are their own (MODELROLLOUT_CLUSTER, default `test`, and one of that name with `-2`), so that a demo that
somebody looks at goes on. With KUBECONFIG set, all stories run on that cluster instead.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parent.parent
CLUSTER = "test"
LONGEST_NAME = 12  # of a cluster
BEHIND, LAST = 10, 19  # as of `nice`
# Linux shares its processors among sessions first (sched(7), "The autogroup feature"), so a nice process needs a
# session of its own that is as nice. Where there is no such file, the process is what counts.
NICELY = 'echo "$0" 2>/dev/null > /proc/self/autogroup; exec nice -n "$0" "$@"'

sessions: set[subprocess.Popen[str]] = set()
"""The commands that run in sessions of their own, which no interrupt of ours reaches."""
interrupted = threading.Event()


@dataclass(frozen=True, slots=True)
class Part:
    """A command; with ``counted``, one that runs pytest, whose tests are counted one by one. What comes after it in its
    lane is not run if it fails and is ``needed`` there."""

    title: str
    command: tuple[str, ...]
    counted: bool = False
    needed: bool = False
    cluster: str = ""  # where it is not that of the environment


@dataclass(frozen=True, slots=True)
class Lane:
    """Parts that run one after the other, the nicer the more they leave to others; 0 leaves nothing to anybody.
    ``shown``: as they come."""

    parts: tuple[Part, ...]
    nice: int = 0
    shown: bool = False


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
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    results = [run(programs(), environment), *side_by_side(lanes(environment), environment)]
    results += [run(part, environment) for part in closing(clusters(environment))]
    return report(results, time.monotonic() - began)


def lanes(environment: Mapping[str, str]) -> tuple[Lane, ...]:
    """The parts by what they need most: time, an API server, processors."""
    return (
        *story_lanes(environment),
        Lane((api_server(), stand_in()), BEHIND),
        Lane((checks(),), LAST),
        Lane((quick_statistics(),), LAST),
    )


def story_lanes(environment: Mapping[str, str]) -> tuple[Lane, ...]:
    """Every second story on a cluster of its own; all of them on the user's, where there is one."""
    folders = sorted(str(folder.relative_to(ROOT)) for folder in (ROOT / "e2e").glob("story_*"))
    names = clusters(environment)
    if not names:
        return (Lane((stories(folders),), shown=True),)
    halves = [(name, folders[index :: len(names)]) for index, name in enumerate(names)]
    return tuple(Lane((up(name), stories(half, name)), shown=name == names[0]) for name, half in halves)


def clusters(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Those that are made for the stories; none where there is one of the user's own."""
    first = environment["MODELROLLOUT_CLUSTER"]
    return () if environment.get("KUBECONFIG") else (first, f"{first[: LONGEST_NAME - 2]}-2")


def side_by_side(lanes: Sequence[Lane], environment: Mapping[str, str]) -> list[Result]:
    """All lanes at the same time; the results lane by lane."""
    with ThreadPoolExecutor(len(lanes)) as pool:
        under_way = [pool.submit(in_turn, lane, environment) for lane in lanes]
        try:
            return [result for lane in under_way for result in lane.result()]
        except BaseException:
            interrupted.set()
            for process in list(sessions):
                os.killpg(process.pid, signal.SIGTERM)
            raise


def in_turn(lane: Lane, environment: Mapping[str, str]) -> list[Result]:
    """One part after the other, until one fails that the next ones need."""
    results: list[Result] = []
    for part in lane.parts:
        results.append(run(part, environment, lane.nice, shown=lane.shown))
        if interrupted.is_set() or (results[-1].failed and part.needed):
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


def up(cluster: str) -> Part:
    """A cluster is made for stories."""
    return Part(f"up {cluster}", (sys.executable, "-m", "e2e.cluster", "up"), needed=True, cluster=cluster)


def stories(folders: Sequence[str], cluster: str = "") -> Part:
    """What a user sees of an installation, on a real cluster."""
    return Part(f"stories {cluster}".rstrip(), pytest(*folders, "-vv", "--durations=30"), counted=True, cluster=cluster)


def closing(clusters: Sequence[str]) -> list[Part]:
    """The clusters that were made for the stories go away."""
    command = (sys.executable, "-m", "e2e.cluster", "down")
    return [Part(f"down {name}", command, cluster=name) for name in clusters]


def pytest(*arguments: str) -> tuple[str, ...]:
    """A pytest run by this Python."""
    return (sys.executable, "-m", "pytest", *arguments)


def run(part: Part, environment: Mapping[str, str], nice: int = 0, *, shown: bool = True) -> Result:
    """Run one part, with its output as it comes; or, if it is not ``shown``, with its output when it is over."""
    title = f"\n=== {part.title}: {' '.join(part.command)}"
    print(title if shown else f"{title} (its output comes at its end)", flush=True)
    environment = {**environment, **({"MODELROLLOUT_CLUSTER": part.cluster} if part.cluster else {})}
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report_file = Path(folder) / "report.xml"
        # By the environment, so that it reaches a pytest that `make` starts.
        told = {**environment, "PYTEST_ADDOPTS": f"--junit-xml={report_file}"} if part.counted else environment
        code = execute(part.command, told) if shown else execute_apart(nice, part.command, told, title)
        seconds = time.monotonic() - started
        if part.counted and report_file.exists():
            return counted(part, report_file, seconds, code)
    return Result(part.title, seconds, passed=int(code == 0), failed=int(code != 0))


def execute(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """The exit code of a command."""
    return subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode


def execute_apart(nice: int, command: Sequence[str], environment: Mapping[str, str], title: str) -> int:
    """The same in a session of its own; the output is printed under the title when the command has ended."""
    nicely = ("sh", "-c", NICELY, str(nice), *command)
    with subprocess.Popen(
        nicely,
        cwd=ROOT,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as process:
        sessions.add(process)
        printed, _ = process.communicate()
        sessions.remove(process)
    print(f"{title}\n{printed}", flush=True)
    return process.returncode


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
