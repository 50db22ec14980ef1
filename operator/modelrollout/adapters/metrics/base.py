"""What a provider of the built-in metrics is: its queries as data, and how its labels are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from modelrollout.adapters.metrics.outcomes import Outcome
from modelrollout.adapters.prometheus import Series
from modelrollout.api.analysis import ClientCancels
from modelrollout.api.route import EVERYBODY
from modelrollout.manifests.meta import child_name, service_host
from modelrollout.resource.rollout import CLUSTER_DOMAIN

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Target:
    """One version of one rollout in one split, as metrics know it: each has a Service of its own. ``domain`` is the
    cluster's."""

    namespace: str
    rollout: str
    version: str
    split: str = EVERYBODY
    domain: str = CLUSTER_DOMAIN

    @property
    def service(self) -> str:
        """Its Service's name."""
        return child_name(self.rollout, self.version, self.split)

    @property
    def host(self) -> str:
        """Its Service's host, by which proxies know it."""
        return service_host(self.rollout, self.namespace, self.version, self.split, self.domain)


@dataclass(frozen=True, slots=True)
class UnderWay:
    """Names of metrics: a counter of all requests that were ``started``, and how many of them are ``active``."""

    started: str
    active: str


@dataclass(frozen=True, slots=True)
class Provider:
    """Where built-in metrics come from.

    ``errors`` is a selector of raw counters of requests that ended, one for each outcome; ``latency`` of cumulative
    histogram buckets (label ``le``, each ``unit`` seconds). ``<targets>`` in them stands for the matcher that
    ``select`` gives, ``<bounds>`` for the bucket bounds that are needed. ``alive`` selects a series that is there
    whenever the source is scraped, requests or not: it tells "no requests" from "nobody looks". All of these have
    braces, for the matchers of a cluster. ``identity_of`` finds whose series one is: it is what ``identify`` gives for
    one of those that ``select`` was given, and ``identity_labels`` are those that it reads. ``outcome_of`` says what a
    series counts, None for one whose requests another series counts, too. ``part_of``: some outcomes overlap, and only
    those of one part are set off against each other. ``tells_splits``: whether it is known by which split an answer was
    given, and not only by which version. ``under_way``, where the source has it, tells of requests that have not ended
    yet. ``uncounted`` finds whose requests the source does not count in full, and says what to do about it.
    """

    name: str
    alive: str
    errors: str
    latency: str
    unit: float
    select: Callable[[Iterable[Target]], str]
    identify: Callable[[Target], str]
    identity_of: Callable[[Labels], str | None]
    identity_labels: tuple[str, ...]
    outcome_of: Callable[[Labels], Outcome | None]
    tells_splits: bool
    under_way: UnderWay | None = None
    part_of: Callable[[Labels], str] = lambda labels: ""
    uncounted: Callable[[Iterable[Series], ClientCancels], Mapping[str, str]] = lambda series, cancels: {}

    def errors_query(self, targets: Iterable[Target]) -> str:
        """The selector of all answers of these versions in these splits."""
        return self.errors.replace("<targets>", self.select(targets))

    def latency_query(self, targets: Iterable[Target], bounds: Iterable[str]) -> str:
        """The selector of these buckets of these versions, and of the one that holds all answers."""
        wanted = "|".join([_literal(bound) for bound in sorted(bounds)] + [r"\+Inf"])
        return self.latency.replace("<targets>", self.select(targets)).replace("<bounds>", f"le=~`{wanted}`")

    def under_way_query(self, under_way: UnderWay, targets: Iterable[Target]) -> str:
        """The selector of what tells of requests under way."""
        return f'{{__name__=~"{under_way.started}|{under_way.active}",{self.select(targets)}}}'

    def bounds_query(self, targets: Iterable[Target]) -> str:
        """An expression that gives, for each bucket bound of each version, how many histograms have it."""
        every = self.latency.replace("<targets>", self.select(targets)).replace("<bounds>", 'le!=""')
        return f"count by ({', '.join(('le', *self.identity_labels))}) ({every})"


def any_of(texts: Iterable[str]) -> str:
    """A regular expression for exactly these texts, as PromQL in back quotes takes it."""
    return "|".join(_literal(text) for text in sorted(set(texts)))


def _literal(text: str) -> str:
    """RE2's own escapes; Python's re.escape knows some that RE2 does not."""
    return "".join(f"\\{letter}" if letter in r"\.+*?()|[]{}^$" else letter for letter in text)
