"""What an application sends: a decision of the mesh, as it came in the header of the answer, and a reward.

The decision is one opaque string to the application. Here it is ``FORM``; the request id comes last because it is
whatever the first proxy made of it, and may hold anything.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from modelrollout.rewards.refusal import Reason, Refusal

LONGEST = 1024  # characters of a decision: names of Kubernetes and a request id fit in several times
FORM = "NAMESPACE/ROLLOUT/EPOCH/VERSION/SEGMENT/UNIXSECONDS/REQUESTID"
_PARTS = FORM.count("/") + 1
_WHOLE = re.compile(r"[0-9]{1,15}")
_NO_REQUEST = "-"  # what Envoy writes for a header that is not there: all requests would look like one
_SHOWN = 120  # characters of a decision in a sentence


@dataclass(frozen=True, slots=True)
class Decision:
    """Which version answered which request of which trial, and when."""

    namespace: str
    rollout: str
    epoch: int
    version: str
    segment: str
    at: int  # seconds since the epoch of Unix
    request: str


@dataclass(frozen=True, slots=True)
class Reward:
    """One outcome."""

    decision: Decision
    value: float


def parse_reward(item: Any) -> Reward:
    """A reward from its JSON. Raises Refusal."""
    if not isinstance(item, dict) or not isinstance(item.get("decision"), str):
        raise Refusal(Reason.MALFORMED, 'a reward is {"decision": "...", "reward": 1}, and its decision is a string')
    if "reward" not in item:
        raise Refusal(Reason.MALFORMED, 'reward is missing; write {"decision": "...", "reward": 1}')
    return Reward(parse_decision(item["decision"]), _finite(item["reward"]))


def parse_decision(text: str) -> Decision:
    """A decision from the header's value. Raises Refusal."""
    if len(text) > LONGEST:
        raise Refusal(
            Reason.MALFORMED, f"decision has {len(text)} characters, and at most {LONGEST} are read; it is {FORM}"
        )
    parts = text.strip().split("/", _PARTS - 1)
    if len(parts) != _PARTS or not all(parts):
        raise Refusal(Reason.MALFORMED, f"decision {shown(text)} is not {FORM}; send back x-model-decision as it came")
    namespace, rollout, epoch, version, segment, at, request = parts
    if request == _NO_REQUEST:
        raise Refusal(
            Reason.MALFORMED,
            f"decision {shown(text)} has no request id; let the first proxy make x-request-id, as it does by default",
        )
    return Decision(
        namespace, rollout, _number(epoch, "epoch", text), version, segment, _number(at, "time", text), request
    )


def shown(text: str) -> str:
    """What somebody sent, in a sentence."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}...")


def _number(text: str, what: str, decision: str) -> int:
    if not _WHOLE.fullmatch(text):
        raise Refusal(
            Reason.MALFORMED,
            f"the {what} of decision {shown(decision)} is {shown(text)}, which is no whole number; it is {FORM}",
        )
    return int(text)


def _finite(value: Any) -> float:
    """Raises Refusal. ``true`` is an int to Python, and no number to JSON."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refusal(Reason.NOT_A_NUMBER, f"reward is {shown(str(value))}; it must be a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Refusal(Reason.NOT_A_NUMBER, f"reward is {number}; it must be finite")
    return number
