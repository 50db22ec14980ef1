"""Logs: one JSON object in each line, and the rollout that a line is about in every one of them."""

from __future__ import annotations

import contextvars
import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from modelrollout.api.printable import printable

_subject: contextvars.ContextVar[tuple[str, str] | None] = contextvars.ContextVar("subject", default=None)


@contextmanager
def about(key: tuple[str, str]) -> Iterator[None]:
    """Lines that are logged inside, in this task and those that it starts, name this rollout."""
    token = _subject.set(key)
    try:
        yield
    finally:
        _subject.reset(token)


class JsonLines(logging.Formatter):
    """``{"time": ..., "level": ..., "rollout": "prod/fraud", "message": ..., "logger": ...}``."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a traceback is a field of it."""
        subject = _subject.get()
        line = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "rollout": "/".join(subject) if subject else None,
            "reason": getattr(record, "reason", None),
            "message": printable(record.getMessage()),
            "logger": record.name,
            "error": self.formatException(record.exc_info) if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in line.items() if value is not None}, ensure_ascii=False)


class TextLines(logging.Formatter):
    """The same for a person at a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Time of day, level, rollout, message."""
        subject = _subject.get()
        moment = datetime.fromtimestamp(record.created).strftime("%H:%M:%S.%f")[:-3]
        message = printable(record.getMessage())
        told = self.formatException(record.exc_info) if record.exc_info else ""
        # An error's words may be others', too: each line is indented, so that none can pose as one of the log.
        error = "".join(f"\n  {printable(line)}" for line in told.splitlines())
        return f"{moment} {record.levelname:7} {'/'.join(subject) if subject else '-':20} {message}{error}"


def configure(level: str, form: str) -> None:
    """Log to standard error. kopf says one line for each event it sees; those are not for us."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(TextLines() if form == "text" else JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("kopf").setLevel(logging.WARNING)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
