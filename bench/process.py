"""What the kernel says of a process: memory and processor time."""

from __future__ import annotations

import os
import re
from pathlib import Path


def processor_seconds(process: int) -> float:
    """That a process has used so far."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_of(process: int, kind: str = "VmRSS") -> float:
    """MiB that are resident; ``VmHWM`` is the most that ever were."""
    found = re.search(rf"^{kind}:\s+(\d+) kB$", Path(f"/proc/{process}/status").read_text(), re.M)
    assert found is not None
    return int(found[1]) / 1024
