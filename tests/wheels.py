"""Wheels that tests read without installing them: fetched once through pip, and kept in build/.

For what would bring more than it is used for: obp ships the data that a test needs, and asks for torch.
"""

from __future__ import annotations

import subprocess
import sys
from hashlib import sha256
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "build" / "wheels"


def fetched(requirement: str, digest: str) -> Path:
    """The one wheel of ``NAME==VERSION``, from pip's index as it is set up. Raises RuntimeError without a network, or
    when it is another file than the one with this SHA-256."""
    name, version = requirement.split("==")
    known = [path for path in FOLDER.glob(f"{name}-{version}-*.whl") if sha256(path.read_bytes()).hexdigest() == digest]
    if known:
        return known[0]
    FOLDER.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(FOLDER), requirement]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"this test needs {requirement} once, and pip cannot fetch it: {done.stderr.strip()[-500:]}")
    path = next(FOLDER.glob(f"{name}-{version}-*.whl"))
    if sha256(path.read_bytes()).hexdigest() != digest:
        path.unlink()
        raise RuntimeError(f"{path.name} is not the file that this test was written for: it has another SHA-256")
    return path
