"""Says what is going on, and runs programs in a way that failures explain themselves.

Starting a cluster for the first time takes minutes. Every step prints one line with the seconds since the start, which
is that of ``make`` where it runs several commands, and a program that stays silent for long is reported as still
running.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

BEGAN = "MAKE_BEGAN"
"""When ``make`` was called, which runs several of these commands, in seconds since the epoch: they count on from it."""


def _started() -> float:
    """By the monotonic clock. What cannot be read, or is still to come, is no beginning."""
    now, told = time.monotonic(), os.environ.get(BEGAN, "")
    return now - max(0.0, time.time() - float(told)) if told.isdigit() else now


STARTED = _started()
HEARTBEAT = 20.0  # seconds between two signs of life of a long-running program
TAIL = 20  # lines of a log that an error shows


class ClusterError(Exception):
    """Something about the local cluster failed; the message says what and what to do about it."""


def say(message: str) -> None:
    """Print one line of progress with the seconds since the start."""
    print(f"[{time.monotonic() - STARTED:6.1f} s] {message}", flush=True)


def tail(log: Path, lines: int = TAIL) -> str:
    """The last lines of a log file, indented; a sentence where there is none."""
    if not log.exists():
        return f"  (no log at {log})"
    last = log.read_text(errors="replace").splitlines()[-lines:]
    return "\n".join(f"  {line[:400]}" for line in last) or f"  ({log} is empty)"


def run(
    command: Sequence[str | Path],
    *,
    given: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> str:
    """Run a short command and return what it printed.

    `given` is its standard input, `env` is added to this process's environment.
    Raises ClusterError with the command and its words when it fails.
    """
    words = [str(word) for word in command]
    done = subprocess.run(
        words, input=given, text=True, capture_output=True, cwd=cwd, env={**os.environ, **(env or {})}, check=False
    )
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip() or "it said nothing")[-3000:]
        raise ClusterError(f"`{' '.join(words)[:400]}` ended with {done.returncode}:\n{said}")
    return done.stdout


def run_long(
    title: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    given: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a command that may take minutes: its words go to `log`, a sign of life is printed every 20 s.

    Raises ClusterError with the end of the log when it fails.
    """
    words = [str(word) for word in command]
    begun = time.monotonic()
    say(f"{title} ...")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as out:
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=out, stderr=out, cwd=cwd, env={**os.environ, **(env or {})}
        )
        assert process.stdin is not None
        process.stdin.write((given or "").encode())
        process.stdin.close()
        _wait(process, title, begun)
    if process.returncode != 0:
        raise ClusterError(
            f"{title} failed: `{' '.join(words)[:400]}` ended with {process.returncode}.\n"
            f"The end of {log}:\n{tail(log)}"
        )
    say(f"{title} ... {time.monotonic() - begun:.0f} s")


def _wait(process: subprocess.Popen[bytes], title: str, begun: float) -> None:
    try:
        while True:
            try:
                process.wait(HEARTBEAT)
                return
            except subprocess.TimeoutExpired:
                say(f"{title} ... still at it after {time.monotonic() - begun:.0f} s")
    except BaseException:
        process.kill()  # an interrupted command leaves no build behind that nobody waits for
        process.wait()
        raise
