"""Observation: everything that one pass has seen, gathered before anything is decided.

Whatever could not be observed is a value too (``None``, ``Unavailable``), because "not seen" must lead to holding
still and never to a guess.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from modelrollout.api.route import Route
from modelrollout.core.evidence import Count
from modelrollout.core.evidence.delay import Delays
from modelrollout.core.plan import Reason, Recovery
from modelrollout.core.validate.probed import Probed
from modelrollout.core.validate.shadowed import Shadowed

USUAL_SCRAPE_INTERVAL = 5.0
"""Of Prometheus, in seconds, as long as it is not known."""

SETTLE_SECONDS = 2.0
"""Between a Service or a ready pod and the first request to it: the mesh learns of new endpoints by then."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why the spec cannot be accepted as things are, or what it lacks though it is. ``NotChecked`` when that could not
    be found out."""

    reason: Reason
    message: str


FETCHING = "the model is being fetched"
"""What a pod waits for while its fetcher is at work, which tells no more than that before it has ended."""


@dataclass(frozen=True, slots=True)
class Workload:
    """What runs of one version.

    ``failure`` holds the fetcher's or the model server's own words once the version cannot come up by itself: what they
    say of its model (``of_model``), or a server that has ended twice. ``waiting`` tells why it is not ready yet, once
    included; ``at_work_since`` since when only fetcher and server are waited for, None while that is anything else (a
    node, an image, a volume, a side car). ``displaced``: its pods were taken away and none of those in their place
    serves yet, which is their node's or somebody's doing, not its own. ``digests`` are what the fetchers of its pods
    measured: one, unless the files changed under the version.
    """

    version: str
    desired: int
    ready: int
    digests: tuple[str, ...] = ()
    uri: str | None = None  # as the objects record it, to find the way back after a lost status
    failure: str | None = None
    of_model: bool = False  # the failure is what the fetcher or the server said of the model
    unfetched: bool = False  # the failure is the fetcher's: there is no such model, or it is not what the spec says
    store_away: bool = False  # or the store did not answer for as long as it was tried, whatever is in it
    waiting: str | None = None
    at_work_since: float | None = None  # seconds since the epoch
    loading_since: float | None = None  # the server of a pod that is not ready, seconds since the epoch
    load_seconds: float | None = None  # the slowest of the servers whose pods are ready
    displaced: bool = False
    misnamed: Refusal | None = None  # what of the spec keeps its pods from starting; ``waiting`` begins with it
    refused: bool = False  # the API server does not take its newest objects, which ``waiting`` tells of
    pinned: str | None = None  # the digest that its pods were made with
    settings: str | None = None  # the hash of those that its pods were made with (``core/recipe.py``)
    applied: int | None = None  # pods that were asked for last; None where that is left to others
    outdated: bool = False  # some of its pods are of an older template, and are being replaced
    created_at: float = 0.0  # of its Deployment, seconds since the epoch
    services: Mapping[str, float] = field(default_factory=dict)  # when the Service for each split was made, by split

    @property
    def digest(self) -> str | None:
        """The digest of the version, as far as its pods know it."""
        return self.digests[0] if self.digests else None

    @property
    def is_ready(self) -> bool:
        """All the pods that are wanted can answer, and are as they are wanted."""
        return self.ready >= self.desired > 0 and not self.outdated and not self.refused

    def is_reachable(self, split: str, now: float) -> bool:
        """Whether the mesh has had the time to learn of its Service for a split."""
        made = self.services.get(split)
        return made is not None and now - made >= SETTLE_SECONDS


@dataclass(frozen=True, slots=True)
class LiveRoute:
    """The VirtualService as it is.

    ``route`` is what it does, None when its rules are none that this operator writes: somebody edited them. ``named``
    are all versions that any of its rules names, even with weight 0. ``foreign_owner`` is set when it is somebody
    else's; ``refused`` holds the API server's words when it did not take the route that was decided last.
    ``recovery`` is the note that was left in it for the day on which the status is lost.
    """

    route: Route | None = None
    named: frozenset[str] = frozenset()
    foreign_owner: str | None = None
    refused: str | None = None
    recovery: Recovery | None = None

    @property
    def obstacle(self) -> str | None:
        """Why it is not what was decided, where somebody else has to act."""
        if self.foreign_owner is not None:
            return f"the VirtualService of this name belongs to {self.foreign_owner}"
        return f"the VirtualService is refused: {self.refused}" if self.refused is not None else None


@dataclass(frozen=True, slots=True)
class Sample:
    """Raw cumulative counters of one metric in one split, at one moment (seconds since the epoch, the sample's own).

    ``series`` maps a version to what each reporter (a gateway, a pod: a name that stays the same between samples) has
    counted of it, a ``Count`` (bad, trials). A version without requests so far has none, or an empty map. ``times``
    are those of the reporters' scrapes, with or without a count; ``at`` is the newest, and that of all others.
    ``overdue`` is how many requests of each version are under way for longer than latency's bound, at least, and in no
    series yet. ``earlier`` are the samples of the scrapes just before it, oldest first, where nobody has looked at
    them: what came in several scrapes is more than one large sample can say.
    """

    metric: str
    at: float
    series: Mapping[str, Mapping[str, Count]]
    times: Mapping[str, float] = field(default_factory=dict)
    delays: Delays | None = None  # of the rewards that came lately, where they are asked for and known
    bound: float | None = None  # of the histogram's bucket by which latency is judged, seconds
    overdue: Mapping[str, int] = field(default_factory=dict)
    earlier: tuple[Sample, ...] = ()

    def read(self, version: str) -> float | None:
        """When a version was read last: those that count by themselves are not scraped at one moment."""
        return max((self.times.get(reporter, self.at) for reporter in self.series.get(version, {})), default=None)


@dataclass(frozen=True, slots=True)
class Unavailable:
    """A metric that could not be read. ``invalid`` when the query itself is wrong, otherwise Prometheus is away; or the
    answer is still ``pending``, as when an operator has just begun with hundreds of releases."""

    metric: str
    message: str
    invalid: bool = False
    pending: bool = False


@dataclass(frozen=True, slots=True)
class Observation:
    """One moment, as seen by one pass. ``now`` in seconds since the epoch.

    ``samples`` by metric and split; ``validation``, of the servers, and ``smoke``, through the mesh, by version.
    ``shadow`` is what the comparer has counted of each arm in the shadow, ``unshadowed`` why that is not known;
    ``mirrors``: it can take copies. ``unreachable`` says why callers do not come through a gateway, None where they do
    or nobody knows.

    ``refusal`` is the answer to the acceptance question (hosts, names, foreign VirtualService, custom queries) and is
    None both when all is well and when it was not asked. ``baseline`` holds the control's increments per scrape before
    the release, by metric, for the noise of the baseline; None when it was not asked or not answered. ``unresolved`` is
    what the spec names and is not there; None, likewise.
    ``scrape_interval`` is Prometheus' own, in seconds. ``scattered`` is why users do not stay with their version though
    the spec asks for it, with the way out.
    """

    now: float
    workloads: Mapping[str, Workload] = field(default_factory=dict)
    route: LiveRoute | None = None
    unreachable: Refusal | None = None
    samples: Mapping[tuple[str, str], Sample | Unavailable] = field(default_factory=dict)
    validation: Mapping[str, Probed] = field(default_factory=dict)
    shadow: Mapping[str, Shadowed] = field(default_factory=dict)
    unshadowed: str | None = None
    mirrors: bool = False
    smoke: Mapping[str, Probed] = field(default_factory=dict)
    refusal: Refusal | None = None
    unresolved: tuple[Refusal, ...] | None = None
    baseline: Mapping[str, tuple[Count, ...]] | None = None
    scattered: str | None = None
    scrape_interval: float = USUAL_SCRAPE_INTERVAL

    @property
    def note(self) -> Recovery | None:
        """The note beside the route. What stands in a VirtualService of somebody else's is not ours to believe."""
        return self.route.recovery if self.route is not None and self.route.foreign_owner is None else None
