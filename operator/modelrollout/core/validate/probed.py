"""What the servers of an arm and of the control said when they were asked before any traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelrollout.api.signature import Signatures
from modelrollout.core.validate.answer import Answer


@dataclass(frozen=True, slots=True)
class Sent:
    """The answers to all samples, in their order, and to the same once more; and the control's, where they are wanted
    and could be had. ``cold`` is how long the very first request took, seconds."""

    first: tuple[Answer, ...]
    second: tuple[Answer, ...]
    cold: float | None = None
    by_control: tuple[Answer, ...] | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one model server: the bytes that it had in use at most since it was asked, and its limit."""

    pod: str
    used: float
    limit: float


@dataclass(frozen=True, slots=True)
class Probed:
    """Of one arm, at one time.

    ``unread`` says why signatures could not be read, the arm's or the control's; ``unsent`` why the samples could not
    be sent to the arm, ``control_unsent`` why not to the control: that is nobody's fault. ``requests`` and ``golden``
    are by the samples' names. ``control`` is the version that another rollout serves, where that is what is asked for,
    ``control_unknown`` why that is not known. ``memory`` is that of the arm's servers, where that is asked for, and
    ``unmeasured`` why it is not known.
    """

    signatures: Signatures | None = None
    of_control: Signatures | None = None
    unread: str | None = None
    requests: Mapping[str, Any] = field(default_factory=dict)
    golden: Mapping[str, Any] = field(default_factory=dict)
    sent: Sent | None = None
    unsent: str | None = None
    control_unsent: str | None = None
    control: str | None = None
    control_unknown: str | None = None
    memory: tuple[Memory, ...] = ()
    unmeasured: str | None = None

    @property
    def is_complete(self) -> bool:
        """Whether everything that was wanted could be found out."""
        missing = (self.unread, self.unsent, self.control_unsent, self.control_unknown, self.unmeasured)
        return not any(missing)
