"""The command line as a program of its own, read while it runs: what happens next can wait for what it has said."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time

PROGRAM = (sys.executable, "-c", "from modelrollout.cli.main import main; main()")
PATIENCE_SECONDS = 60.0  # for a line that is sure to come, on a machine that has much else to do


class Running:
    """A program whose output, errors included, goes to a pipe, or to the terminal that is given."""

    def __init__(self, arguments: list[str], terminal: tuple[int, int] | None = None) -> None:
        self._here, there = terminal or os.pipe()
        where = {**os.environ, "COLUMNS": "100", "LINES": "40", "TERM": "xterm"}
        source = there if terminal else subprocess.DEVNULL
        self._process = subprocess.Popen([*PROGRAM, *arguments], stdin=source, stdout=there, stderr=there, env=where)
        os.close(there)
        self.said = ""

    def until_it_says(self, words: str) -> str:
        """Reads until the output has these words; gives all the output so far."""
        end = time.monotonic() + PATIENCE_SECONDS
        while words not in self.said:
            assert time.monotonic() < end, f"{words!r} was not said, but {self.said!r}"
            assert self._read(), f"ended without {words!r}, with {self.said!r}"
        return self.said

    def exit_code(self) -> int:
        """Reads to the end, and gives the exit code."""
        while self._read():
            pass
        return self._process.wait(PATIENCE_SECONDS)

    def terminate(self) -> None:
        """Tells the program to end."""
        self._process.terminate()

    def interrupt(self) -> None:
        """Ctrl-C."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> None:
        """Ends the program, if it still runs."""
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(PATIENCE_SECONDS)
        os.close(self._here)

    def _read(self) -> bool:
        """Some more of the output; False at its end."""
        readable, _, _ = select.select([self._here], [], [], 1.0)
        if not readable:
            return True
        try:
            data = os.read(self._here, 65536)
        except OSError:  # how Linux tells that the other end of a terminal is closed
            return False
        self.said += data.decode()
        return bool(data)
