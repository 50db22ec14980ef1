"""``bench/RESULTS.md``: one section for each benchmark, replaced whole when that benchmark is run again.

Every section names its command and the machine, so that whoever doubts a figure can measure it anew.
"""

from __future__ import annotations

import os
import platform
import re
from datetime import UTC, datetime
from pathlib import Path

PAGE = Path(__file__).parent / "RESULTS.md"
HEAD = (
    "# Results\n\nMeasured, not hoped for. Each section is written by the command that it names; "
    "run it again to replace it.\n"
)


def machine() -> str:
    """The machine in a few words."""
    names = dict(re.findall(r'^(\w+)="?([^"\n]*)"?$', Path("/etc/os-release").read_text(), re.M))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {names.get('PRETTY_NAME', platform.system())}, "
        f"Python {platform.python_version()}"
    )


def write_section(name: str, title: str, command: str, body: str) -> None:
    """Put a section in its place, or at the end. ``name`` marks it in the file."""
    day = datetime.now(tz=UTC).date().isoformat()
    start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    text = f"{start}\n## {title}\n\n`{command}`, {day}, on {machine()}.\n\n{body.strip()}\n{end}\n"
    page = PAGE.read_text() if PAGE.exists() else HEAD
    before, found, rest = page.partition(start)
    if not found:
        PAGE.write_text(f"{page.rstrip()}\n\n{text}")
        return
    PAGE.write_text(before + text + rest.partition(f"{end}\n")[2])
