"""What a strategy is: from how things stand to the route that it wants next.

A strategy only proposes. Readiness, pauses, sight, suspicion, the least evidence that a rise needs, rollback, drain and
drift stand outside, once for all strategies, so that none can forget them. Nor does a strategy know that a release may
be for some requests first (``spec.traffic.match``): for it, everybody is whoever the release is for just now.

A new strategy is one file here, with its settings, its memory and its class; its test; and one line in the registry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Generic, Protocol, TypeVar

from modelrollout.api.base import SpecModel, StatusModel
from modelrollout.api.match import RequestMatch
from modelrollout.api.model import Model
from modelrollout.api.route import Route
from modelrollout.api.smoke import Smoke
from modelrollout.api.traffic import Header

Settings = TypeVar("Settings", bound=SpecModel, contravariant=True)
Memory = TypeVar("Memory", bound=StatusModel)


@dataclass(frozen=True, slots=True)
class ArmView:
    """A version under trial, as a strategy sees it. ``proven``: every required metric is proven not worse;
    ``proven_share``: the part of the requests, percent, for which it is known to be good enough; ``smoke_obstacle`` why
    nothing is known of its answers to smoke requests."""

    version: str
    share: float  # of everybody's requests, percent
    ready: bool
    proven: bool = False
    proven_share: float = 0
    smoke_passed: bool = False
    smoke_obstacle: str | None = None


@dataclass(frozen=True, slots=True)
class Design:
    """How versions compete by a reward: ``false_winner`` is the chance of ever naming a wrong winner; ``indifference``
    the part by which odds may differ and still be the same.

    For weights by what is earned: ``floor`` is the least part of the requests that a version gets, None where
    shares do not follow the rewards; ``mean_delay`` of a reward (None: it is measured) and the ``half_life`` of
    what was seen, in seconds. ``segments`` are the splits, besides everybody's, in each of which they compete for
    themselves, and whose requests these are.
    """

    false_winner: float
    indifference: float = 0.05
    floor: float | None = None
    mean_delay: float | None = 0.0
    half_life: float | None = None
    segments: Mapping[str, RequestMatch] = field(default_factory=dict)

    @property
    def measures_delay(self) -> bool:
        """Whether it is not said how late rewards come."""
        return self.mean_delay is None


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of who earns more, in words and as a decision.

    ``winner`` is proven better than each of the others; ``alike`` says that those who may still be the best are proven
    not to differ, and ``best`` is the one of them that earned the most. ``obstacle`` is why nothing can be decided now,
    ``unproven`` why nothing can be proven yet, though shares may follow what is likely.
    ``weights`` are the shares, percent, by the chance of each version to be the best; ``value_remaining`` is by what
    part of its rate the likely best may still be beaten.
    ``account`` tells of the versions' rewards, with the numbers; ``contenders`` are those that nobody is proven to be
    better than. ``unasked``: no request was counted at all yet.
    """

    account: str = ""
    winner: str | None = None
    alike: bool = False
    best: str | None = None
    contenders: tuple[str, ...] = ()
    obstacle: str | None = None
    unproven: str | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    value_remaining: float | None = None
    unasked: bool = False


@dataclass(frozen=True, slots=True)
class View(Generic[Memory]):
    """How things stand. ``now`` in seconds since the epoch.

    ``model`` is the version that the spec's model names; it may be an arm or the control. ``approved`` is the step that
    a person said to go on from; ``skip``: a person wants no more steps. ``is_last`` is False while the release is for
    the requests of ``traffic.match`` alone: whoever wins then is released to everybody else, by a round of its own.
    ``standing`` is there where the arms compete by a reward; ``segments`` has it of every split in which they compete
    for themselves, besides everybody's, and ``best_for_all`` is who would earn most with the requests of all of them.
    """

    control: str
    model: str
    arms: tuple[ArmView, ...]
    route: Route
    memory: Memory
    now: float
    approved: str | None = None
    skip: bool = False
    is_last: bool = True
    standing: Standing | None = None
    segments: Mapping[str, Standing] = field(default_factory=dict)
    best_for_all: str | None = None

    def stay(self, why: str, **fields: object) -> Move[Memory]:
        """The move that leaves the route as it is."""
        return replace(Move(self.route, self.memory, why), **fields)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Move(Generic[Memory]):
    """What the strategy wants: a route, and what it will remember once that is the route.

    ``step`` is the content of the step that is held then: what a person approves by ``promote``, None when nothing is
    to be approved. ``until`` when a clock will end it, in seconds since the epoch; ``clocked`` is for the core to set:
    that a clock ends it, which may stand still just now; ``approval`` when a person must;
    ``under_way`` when it ends by itself in a moment; ``watched`` during a bake; ``settled`` when all is as it shall
    stay. With ``winner`` the trial is decided: that version takes everything and becomes the control. It is over then,
    unless the strategy ``goes_on`` with the other arms. Where the winner is the control itself, all arms leave.
    ``leaving`` are arms that were not chosen while others go on, and why. ``quiet``: shares move so often that no Event
    tells it.
    """

    route: Route
    memory: Memory
    why: str
    step: str | None = None
    until: float | None = None
    clocked: bool = False
    approval: bool = False
    under_way: bool = False
    watched: bool = False
    settled: bool = False
    winner: str | None = None
    goes_on: bool = False
    quiet: bool = False
    leaving: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Outline:
    """The steps in words, for people. ``at`` is the one that is held, -1 before the first; ``counted`` of them are
    steps of the release, what follows is its end. ``began`` and ``until`` are the clock of the present one."""

    names: Sequence[str]
    at: int
    counted: int
    began: float | None = None
    until: float | None = None

    @property
    def column(self) -> str:
        """``2/5``."""
        return f"{min(max(self.at + 1, 0), self.counted)}/{self.counted}"


@dataclass(frozen=True, slots=True)
class SmokeCheck:
    """The smoke requests that an arm must answer before its first share, and the header that takes them to it."""

    requests: Smoke
    header: Header


class Strategy(Protocol[Settings, Memory]):
    """One way to move traffic. ``name`` is its field in ``spec.strategy``; ``judges``: whether its arms are compared
    with the control by the metrics; ``part_first``: whether an arm must be seen with a part of the requests before it
    may have all of them (who switches all at once is judged afterwards); ``competes``: whether they compete by a
    reward."""

    name: str
    title: str
    judges: bool
    part_first: bool
    competes: bool

    @property
    def settings(self) -> type[SpecModel]:
        """The type of its field."""
        ...

    @property
    def memory(self) -> type[Memory]:
        """The type of what it remembers of a trial."""
        ...

    def models(self, settings: Settings, model: Model) -> tuple[Model, ...]:
        """Every version that it wants, ``model`` (the spec's) first. Those that do not serve yet become arms."""
        ...

    def next(self, settings: Settings, view: View[Memory]) -> Move[Memory]:
        """The next move by the strategy's own rules."""
        ...

    def seconds(self, settings: Settings) -> float | None:
        """How long a release takes when nothing holds it; None when no clock says so."""
        ...

    def outline(self, settings: Settings, memory: Memory, arms: Sequence[ArmView]) -> Outline:
        """The steps in words and which of them is held."""
        ...

    def smoke(self, settings: Settings) -> SmokeCheck | None:
        """What an arm must answer before its first share."""
        ...

    def design(self, settings: Settings) -> Design | None:
        """How its arms compete by the metric with ``role: Reward``; None where they do not."""
        ...
