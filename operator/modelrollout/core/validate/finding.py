"""Finding: what one check came to; and what it looks at."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from modelrollout.api.samples import Demand
from modelrollout.api.validation import Validation
from modelrollout.api.validation_status import CheckStatus
from modelrollout.core.validate.probed import Probed, Sent


class Verdict(StrEnum):
    """Of one check. ``Unknown`` is neither of the others: nobody could find out."""

    PASS = "Pass"
    FAIL = "Fail"
    REPORTED = "Reported"  # it speaks against the version, and its owner wants to know, and no more
    UNKNOWN = "Unknown"


def by_demand(demand: Demand) -> Verdict:
    """What it means that a check speaks against a version."""
    return Verdict.FAIL if demand is Demand.REQUIRE else Verdict.REPORTED


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check came to. ``holds``: the version waits until it is known."""

    check: str
    verdict: Verdict
    message: str
    holds: bool = False

    @property
    def row(self) -> CheckStatus:
        """For the status."""
        return CheckStatus(check=self.check, verdict=self.verdict, message=self.message)


@dataclass(frozen=True, slots=True)
class Case:
    """What the checks look at: the settings, the versions, and what their servers said. ``control`` None: it is the
    first version, and nothing can be compared. ``load_seconds``: how long the version took to load."""

    settings: Validation
    version: str
    control: str | None
    probed: Probed
    load_seconds: float | None = None

    @property
    def answered(self) -> Sent | None:
        """The answers, where none has a fault by itself: whoever does not answer is told by one check, not by all."""
        sent = self.probed.sent
        if self.settings.samples is None or sent is None:
            return None
        return sent if all(answer.fault is None for answer in (*sent.first, *sent.second)) else None
