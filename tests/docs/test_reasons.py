"""``docs/reasons.md`` has every reason, and none that there is not."""

from __future__ import annotations

import re
from pathlib import Path

from modelrollout.core.plan import Reason

PAGE = Path(__file__).parents[2] / "docs" / "reasons.md"


def test_the_page_has_every_reason() -> None:
    rows = [line.split("|")[1] for line in PAGE.read_text().splitlines() if line.startswith("|")]
    told = [name for cell in rows for name in re.findall(r"`(\w+)`", cell)]
    assert sorted(told) == sorted(reason.value for reason in Reason)
