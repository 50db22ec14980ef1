"""What the commands of the local cluster say while they take their time."""

from __future__ import annotations

import fcntl
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from e2e.cluster import report, toolchain
from e2e.cluster.report import BEGAN

ROOT = Path(__file__).parents[2]
SAY = "from e2e.cluster.report import say; say('x')"


@pytest.mark.parametrize(("began", "least", "most"), [(100, 100, 160), (None, 0, 60), (-1000, 0, 60)])
def test_seconds_are_those_since_make_was_called(began: int | None, least: int, most: int) -> None:
    """It runs several commands, each a process of its own."""
    told = {} if began is None else {BEGAN: str(int(time.time()) - began)}
    environment = {name: value for name, value in os.environ.items() if name != BEGAN} | told
    run = subprocess.run([sys.executable, "-c", SAY], cwd=ROOT, env=environment, capture_output=True, text=True)
    found = re.fullmatch(r"\[ *([0-9.]+) s\] x\n", run.stdout)
    assert found is not None, run
    assert least <= float(found[1]) < most


def test_make_demo_says_when_it_was_called() -> None:
    """To all that it needs first, too: a variable of a target is one of its prerequisites."""
    database = subprocess.run(["make", "-n", "-p", "demo"], cwd=ROOT, capture_output=True, text=True).stdout
    assert re.search(rf"^demo: {BEGAN} := [0-9]+$", database, re.M)


def test_who_waits_for_a_lock_says_for_whom_and_how_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "HEARTBEAT", 0.2)
    monkeypatch.setattr(toolchain, "LOOK_SECONDS", 0.05)
    path = tmp_path / "lock"
    with path.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write("4711")
        other.flush()
        timer = threading.Timer(0.7, fcntl.flock, (other, fcntl.LOCK_UN))
        timer.start()
        with toolchain.locked(path):
            assert path.read_text() == str(os.getpid())
        timer.join()
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith(f"waiting for another command (process 4711) that holds {path} ...")
    assert any("still at it after 0 s" in line for line in said[1:])
