"""Metrics that a user brings: two counters of one version (in one split) in PromQL, successes and trials, or the sum of
rewards and their number.

The variables are filled in strictly (the API knows them all) and escaped as PromQL strings. Where the query is a plain
selector, its raw samples are read with their own times; any other expression gives values of one moment, so its time
is that moment, rounded to the scrape interval: a tick is not to be had more often than Prometheus looks.

Two counters are two questions, and a scrape may come between them: views of after it with clicks of before it would be
failures that nobody has seen, and that no later sample takes back. So all questions of one look are asked as of one
moment, of which everything is there (``Scraping.settled``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from modelrollout.adapters.metrics.base import Target
from modelrollout.adapters.metrics.counts import Counting, tally
from modelrollout.adapters.prometheus import BadQuery, Prometheus, Series
from modelrollout.api.analysis import VARIABLE
from modelrollout.core.evidence import PARTS, BadCount, Moments
from modelrollout.manifests.meta import child_name

ROUNDING = 1e-9  # of a sum of floats: that of rewards which are all the largest may be a little over it
_SUM = Counting(lambda labels: "", lambda sums: (0.0, sums.get("", 0.0)))
_STRING = re.compile(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`")
_COMMENT = re.compile(r"#[^\n]*")
_GROUPING = re.compile(r"\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_LABELS = re.compile(r"\{[^}]*(\}|$)")
_DURATION = re.compile(r"\[[^\]]*\]|\b[0-9][0-9a-zA-Z.]*\b")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*(?!\s*\(|[a-zA-Z0-9_:])")
_WORDS = frozenset({"and", "or", "unless", "bool", "offset", "inf", "nan", "atan2", "group_left", "group_right"})


def fill(query: str, target: Target) -> str:
    """The query of one version in one split, which ``{{ service }}`` or ``{{ segment }}`` tells from the others."""
    values = {
        "version": target.version,
        "workload": child_name(target.rollout, target.version),
        "service": target.service,
        "segment": target.split,
        "rollout": target.rollout,
        "namespace": target.namespace,
    }
    return VARIABLE.sub(lambda found: _escaped(values[found[1]]), query)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def metric_names(query: str) -> tuple[str, ...]:
    """The metrics that a query names, in order: identifiers that are no function, label, keyword or duration."""
    text = _STRING.sub('""', VARIABLE.sub("x", query))
    for pattern in (_COMMENT, _GROUPING, _LABELS, _DURATION):
        text = pattern.sub(" ", text)
    names = (found[0] for found in _NAME.finditer(text))
    return tuple(dict.fromkeys(name for name in names if name.lower() not in _WORDS))


async def read(prometheus: Prometheus, query: str, window: float, interval: float, at: float) -> Mapping[str, Moments]:
    """The counter by process and time: raw samples of a selector, or the value of an expression, as of the moment
    ``at``."""
    try:
        series = await prometheus.raw(query, window, at)
    except BadQuery:
        series = list(_on_ticks(await prometheus.query(query, at), interval))
    return tally(series, lambda labels: "", _SUM).get("", {})


def _on_ticks(series: list[Series], interval: float) -> Iterator[Series]:
    for one in series:
        yield Series(one.labels, tuple((at // interval * interval, value) for at, value in one.points))


def combine(
    successes: Mapping[str, Moments],
    trials: Mapping[str, Moments],
    *,
    turned: bool = False,
    largest: float | None = None,
) -> Mapping[str, Moments]:
    """What is counted and all trials, by process and time; ``turned``: all others are, not the successes. With the
    ``largest`` reward the successes are the sum of rewards, and both come in parts of it (``PARTS``).

    Both counters of one process are taken at the same scrape. Where they come from different processes there is no
    such pairing, and only their newest sums are compared.
    """
    if successes and trials and successes.keys().isdisjoint(trials):
        at = max(at for moments in trials.values() for at in moments)
        successes, trials = _summed(successes, at), _summed(trials, at)
    combined = {
        process: {
            at: _checked(pair, turned) if largest is None else _in_parts(pair, largest)
            for at, pair in _paired(successes.get(process, {}), moments)
        }
        for process, moments in trials.items()
    }
    return {process: moments for process, moments in combined.items() if moments}


def _checked(pair: tuple[float, float], turned: bool) -> tuple[float, float]:
    """(successes, trials) -> (counted, trials). Raises BadCount for more successes than trials."""
    successes, every = pair
    if successes > every:
        raise BadCount(f"{successes:g} successes of {every:g} trials; both must count the same requests")
    return (every - successes if turned else successes), every


def _in_parts(pair: tuple[float, float], largest: float) -> tuple[float, float]:
    """(sum of rewards, their number) -> both in parts of the largest reward, as whole numbers. What is rounded off a
    counter is in its next difference, so nothing adds up. Raises BadCount for a sum that cannot be."""
    earned, every = pair
    if not 0.0 <= earned <= largest * every * (1.0 + ROUNDING):
        raise BadCount(
            f"a sum of {earned:g} of {every:g} rewards, where each is from 0 to max, {largest:g}; clip them at the "
            "source, or raise max; both must count the same requests"
        )
    return min(float(int(earned / largest * PARTS)), every * PARTS), every * PARTS


def _paired(successes: Moments, trials: Moments) -> Iterator[tuple[float, tuple[float, float]]]:
    """By time, (successes, trials). Without a counter of successes there was none; of one that is scraped at other
    times the last known value is taken, and where there is none yet, nothing is said."""
    for at, (_, every) in trials.items():
        known = [time for time in successes if time <= at]
        if known or not successes:
            yield at, (successes[max(known)][1] if known else 0.0, every)


def _summed(processes: Mapping[str, Moments], at: float) -> Mapping[str, Moments]:
    """The newest values of all processes together, said to be of one time."""
    return {"": {at: (0.0, sum(moments[max(moments)][1] for moments in processes.values()))}}
