"""Off-policy evaluation: what other shares of the requests would have earned, from the counts of those that ran.

People ask a contextual bandit two things: was it worth it, beside one version for everybody, and beside equal shares?
Neither ran, but every version had some requests in every segment, with known shares, and that is enough. For each tick
and segment g, with n requests, and n_a requests, s_a rewards and the share p_a in force of version a, a policy that
would have sent the part pi_a to version a would have earned

    v = n sum_a pi_a q_a + sum_a pi_a / p_a (s_a - n_a q_a)

in expectation, whatever q is, if q was known before the tick ("doubly robust": M. Dudík, J. Langford, L. Li, ICML
2011); the better q tells the rates, the less it varies. The value of a policy is sum v / sum n over ticks and segments.

Intervals hold at all times at once, looked at after every tick, once there are many ticks: with x_t = (v_t - V n_t) /
mean(n), sd the standard deviation of x over t ticks,

    |V - value| <= sd sqrt(2 (t r^2 + 1) / (t^2 r^2) log(sqrt(t r^2 + 1) / alpha)),
    r^2 = (-2 log alpha + log(1 - 2 log alpha)) / TUNED

(I. Waudby-Smith and others, "Time-uniform central limit theory and asymptotic confidence sequences", 2021; for
their use here "Anytime-valid off-policy inference for contextual bandits", 2022). Before LEAST_TICKS nothing is told.

Which single version is the best is not known before, and the one that looks best looks better than it is. So the gain
over it is the least gain over any: every version has an interval of its own, all of them right at once by alpha / K
(Bonferroni), and the least gain lies between the least low end and the least high end.

Where a version gets a share of 1 %, its few rewards count a hundred times, and intervals are only about right: see
bench/stats/notes.md. Rewards are taken for those of the tick's own requests: where they come later than shares change,
they are weighed by the wrong share. Running sums alone are kept, four numbers for each policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import fsum, log, sqrt
from typing import Any, Self

LEAST_TICKS = 100
TUNED = 500  # ticks at which intervals are the tightest
EQUAL = "equal shares"  # no version has a blank in its name
Policies = Mapping[str, Mapping[str, Mapping[str, float]]]  # by name, segment and version: the part of the requests


@dataclass(frozen=True, slots=True)
class Logged:
    """One tick of one segment, by version: requests and rewards >= 0, the shares in force, parts that add up to 1, and
    the rates that were ``expected`` before the tick, from earlier ticks alone. A version without expectation is
    expected to earn nothing. Raises ValueError for requests to a version without a share."""

    requests: Mapping[str, float]
    rewards: Mapping[str, float]
    shares: Mapping[str, float]
    expected: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if abs(fsum(self.shares.values()) - 1.0) > 1e-6 or min(self.shares.values()) < 0.0:
            raise ValueError(f"shares are {dict(self.shares)}: they must be >= 0 and add up to 1")
        for version, requests in self.requests.items():
            rewards = self.rewards.get(version, 0.0)
            if not (0.0 <= requests < float("inf") and 0.0 <= rewards < float("inf")):
                raise ValueError(
                    f"{version} has {rewards!r} rewards of {requests!r} requests: both must be numbers >= 0"
                )
            if requests and not self.shares.get(version):
                raise ValueError(f"{version} has {requests!r} requests and no share: of when are they?")

    @property
    def asked(self) -> float:
        """All requests."""
        return fsum(self.requests.values())

    @property
    def earned(self) -> float:
        """All rewards."""
        return fsum(self.rewards.values())

    def would_earn(self, parts: Mapping[str, float]) -> float | None:
        """Rewards by other parts of the requests; None where a version with a part had no share to be known by."""
        if any(part and not self.shares.get(version) for version, part in parts.items()):
            return None
        return fsum(part * self._credit(version) for version, part in parts.items() if part)

    def _credit(self, version: str) -> float:
        expected, requests = self.expected.get(version, 0.0), self.requests.get(version, 0.0)
        rest = self.rewards.get(version, 0.0) - requests * expected
        return self.asked * expected + rest / self.shares[version]


@dataclass(frozen=True, slots=True)
class Estimate:
    """Rewards for each request, and the interval in which it is at all times, with the probability asked for."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Sums:
    """Over ticks, of what a policy would have earned: itself, its square, times the requests, times what was earned."""

    earned: float = 0.0
    squares: float = 0.0
    by_requests: float = 0.0
    by_ran: float = 0.0

    def after(self, earned: float, requests: float, ran: float) -> Sums:
        """One tick more."""
        return Sums(
            self.earned + earned,
            self.squares + earned * earned,
            self.by_requests + earned * requests,
            self.by_ran + earned * ran,
        )


@dataclass(frozen=True, slots=True)
class OffPolicy:
    """What ran and what else might have, over ``ticks`` with requests. ``squares`` sums up their squared requests,
    ``policies`` are those that are still known, by name; ``dropped`` once lacked a share, and cannot be known."""

    ticks: int = 0
    requests: float = 0.0
    squares: float = 0.0
    ran: Sums = Sums()
    policies: Mapping[str, Sums] = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()

    def after(self, logged: Mapping[str, Logged], policies: Policies | None = None) -> OffPolicy:
        """After one tick of all segments. ``policies`` are the same in every tick; by default each single version
        everywhere, by its name, and equal shares. One that comes later than the first tick is not known either."""
        asked = fsum(one.asked for one in logged.values())
        if not asked:
            return self
        ran = fsum(one.earned for one in logged.values())
        found = {name: would_earn(logged, parts) for name, parts in (policies or usual(logged)).items()}
        late = {name for name in found if self.ticks and name not in self.policies}
        known = {
            name: self.policies.get(name, Sums()) for name in found if found[name] is not None and name not in late
        }
        return OffPolicy(
            self.ticks + 1,
            self.requests + asked,
            self.squares + asked * asked,
            self.ran.after(ran, asked, ran),
            {name: sums.after(found[name] or 0.0, asked, ran) for name, sums in known.items()},
            self.dropped | late | (set(self.policies) | set(found)) - set(known),
        )

    def value(self, policy: str | None, alpha: float) -> Estimate | None:
        """Of a policy by its name, None: of what ran. None before LEAST_TICKS, and for a policy that is not known."""
        sums = self.ran if policy is None else self.policies.get(policy)
        return self._estimate(sums, alpha) if sums is not None else None

    def gain(self, policy: str, alpha: float) -> Estimate | None:
        """What ran less what the policy would have earned, for each request; None as in ``value``."""
        other = self.policies.get(policy)
        return self._estimate(less(self.ran, other), alpha) if other is not None else None

    def gain_over_best(self, alpha: float, *, more_is_better: bool = True) -> Estimate | None:
        """The least gain over any single version everywhere; None before LEAST_TICKS, or when one is not known. Where
        less is better a gain is what the version would have had more."""
        versions = [name for name in (*self.policies, *self.dropped) if name != EQUAL]
        found = [self.gain(version, alpha / len(versions)) for version in versions]
        gains = [one if more_is_better else turned(one) for one in found if one is not None]
        if not gains or len(gains) < len(versions):
            return None
        return Estimate(*(min(getattr(one, end) for one in gains) for end in ("value", "low", "high")))

    def _estimate(self, sums: Sums, alpha: float) -> Estimate | None:
        if not 0.0 < alpha < 1.0:
            raise ValueError(f"alpha is {alpha!r}: it must lie between 0 and 1")
        if self.ticks < LEAST_TICKS:
            return None
        value = sums.earned / self.requests
        rest = sums.squares - 2.0 * value * sums.by_requests + value * value * self.squares
        deviation = sqrt(max(0.0, rest) / self.ticks) / (self.requests / self.ticks)
        margin = deviation * reach(self.ticks, alpha)
        return Estimate(value, value - margin, value + margin)

    def to_status(self) -> dict[str, Any]:
        """As plain values for JSON, nothing lost."""
        return {
            "ticks": [self.ticks, self.requests, self.squares],
            "ran": plain(self.ran),
            "policies": {name: plain(sums) for name, sums in self.policies.items()},
            "dropped": sorted(self.dropped),
        }

    @classmethod
    def from_status(cls, status: Mapping[str, Any]) -> Self:
        """From what ``to_status`` gave. Raises ValueError, TypeError or KeyError when it is not that."""
        ticks, requests, squares = status["ticks"]
        policies = {name: Sums(*map(float, sums)) for name, sums in status["policies"].items()}
        ran = Sums(*map(float, status["ran"]))
        return cls(int(ticks), float(requests), float(squares), ran, policies, frozenset(status["dropped"]))


def usual(logged: Mapping[str, Logged]) -> dict[str, dict[str, dict[str, float]]]:
    """Each single version for everybody, by its name, and equal shares."""
    versions = list(dict.fromkeys(version for one in logged.values() for version in one.shares))
    singles = {version: {segment: {version: 1.0} for segment in logged} for version in versions}
    equal = dict.fromkeys(versions, 1.0 / len(versions))
    return {**singles, EQUAL: dict.fromkeys(logged, equal)}


def would_earn(logged: Mapping[str, Logged], parts: Mapping[str, Mapping[str, float]]) -> float | None:
    """Of a policy in one tick, over all segments with requests; None where one of them cannot tell."""
    found = [one.would_earn(parts[segment]) for segment, one in logged.items() if one.asked or one.earned]
    known = [earned for earned in found if earned is not None]
    return fsum(known) if len(known) == len(found) else None


def less(one: Sums, other: Sums) -> Sums:
    """Of the difference between what ran, ``one``, and another policy. ``by_ran`` is of no use there."""
    squares = one.squares - 2.0 * other.by_ran + other.squares
    return Sums(one.earned - other.earned, squares, one.by_requests - other.by_requests)


def reach(ticks: int, alpha: float) -> float:
    """Half the width of the interval at all times at once, in standard deviations of one tick."""
    asked = -2.0 * log(alpha)
    tuned = ticks * (asked + log(asked + 1.0)) / TUNED  # t r^2
    return sqrt(2.0 * (tuned + 1.0) / (ticks * tuned) * log(sqrt(tuned + 1.0) / alpha))


def turned(one: Estimate) -> Estimate:
    """The same with the other sign."""
    return Estimate(-one.value, -one.high, -one.low)


def plain(sums: Sums) -> list[float]:
    """For JSON."""
    return [sums.earned, sums.squares, sums.by_requests, sums.by_ran]
