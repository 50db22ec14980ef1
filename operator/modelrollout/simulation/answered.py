"""Does a traffic tell what the manifest asks for, and nothing that it does not? Numbers that nobody looks at would be
a setting that silently did nothing."""

from __future__ import annotations

from collections.abc import Sequence

from modelrollout.api.analysis import Analysis
from modelrollout.api.base import format_duration
from modelrollout.api.route import MATCHED
from modelrollout.resource.spec import Spec
from modelrollout.simulation.cast import Cast
from modelrollout.simulation.latency import Buckets
from modelrollout.simulation.population import Behaviour, Population
from modelrollout.simulation.reading import InputError
from modelrollout.simulation.traffic import Traffic


def refuse_unanswered(traffic: Traffic, spec: Spec, cast: Cast, file: str) -> None:
    """Raise InputError, with one sentence, where file and manifest do not fit together."""
    refuse_unmatched(traffic, spec, file)
    refuse_unfit_of_others(traffic, cast, file)
    refuse_uncompared(traffic, spec, file)
    for population in reversed(traffic.populations):
        refuse_other_versions(population, cast, file)
        for path, behaviour in population.entries():
            refuse_other_metrics(behaviour, spec.analysis, f"{file}: {path}")
            refuse_deaf_buckets(behaviour, spec.analysis, f"{file}: {path}.latency")
            refuse_other_bounds(behaviour, traffic.others.stable, spec.analysis, f"{file}: {path}.latency")


def refuse_unfit_of_others(traffic: Traffic, cast: Cast, file: str) -> None:
    """Only a version under trial is looked at before traffic."""
    for field, named in (("unfit", traffic.unfit), ("disagreement", traffic.disagreement.keys())):
        for version in sorted(named - set(cast.arms)):
            raise InputError(f"{file}: {field}: no version {version} is under trial; known are {', '.join(cast.arms)}")


def refuse_uncompared(traffic: Traffic, spec: Spec, file: str) -> None:
    """How answers differ is for nobody where nobody compares them."""
    if traffic.disagreement and spec.asked_before_traffic.shadow is None:
        raise InputError(f"{file}: disagreement: the manifest has no validation.shadow; remove it, or add one there")


def refuse_unmatched(traffic: Traffic, spec: Spec, file: str) -> None:
    """The requests of ``traffic.match``, and those of each segment, are told apart in both files, or in none."""
    splits = [population.split for population in traffic.populations[:-1]]
    refuse_other_segments([split for split in splits if split != MATCHED], list(spec.segments), file)
    told, asked = MATCHED in splits, bool(spec.traffic.match)
    if asked and not told:
        raise InputError(
            f"{file}: matched is missing: the manifest has traffic.match; which part of the requests is theirs? "
            "write for example matched: {share: 0.1}"
        )
    if told and not asked:
        raise InputError(f"{file}: matched: the manifest has no traffic.match; remove it, or add one there")


def refuse_other_segments(told: Sequence[str], asked: Sequence[str], file: str) -> None:
    """Each of the manifest's segments must have its part of the requests."""
    for name in asked:
        if name not in told:
            raise InputError(
                f"{file}: segments.{name} is missing: the manifest has this segment; which part of the requests is in "
                f"it? write for example segments: {{{name}: {{share: 0.1}}}}"
            )
    for name in told:
        if name not in asked:
            known = f"it has {', '.join(asked)}" if asked else "it has none"
            raise InputError(f"{file}: segments.{name}: the manifest has no such segment; {known}")


def refuse_other_versions(population: Population, cast: Cast, file: str) -> None:
    """An entry by version is for an arm that has no name of its own in the file."""
    for path, _ in population.entries():
        before, found, version = path.partition("versions.")
        if not found:
            continue
        for role in ("stable", "candidate"):
            if version == cast.named(role):
                raise InputError(f"{file}: {path}: that is the {role} version; write it under {before}{role}")
        if version not in cast.arms:
            known = " and ".join(cast.arms)
            raise InputError(f"{file}: {path}: the manifest releases no such version; it releases {known}")


def refuse_other_metrics(behaviour: Behaviour, analysis: Analysis, where: str) -> None:
    """Every metric that the manifest judges must have its numbers, and no numbers may be for nothing."""
    names = {metric.name for metric in analysis.metrics}
    for metric in analysis.metrics:
        try:
            behaviour.bad(metric, analysis, 0.0)
        except KeyError as error:
            key = "latency" if metric.name == "latency" else f"rewards.{metric.name}"
            raise InputError(f"{where}.{key} is missing: the manifest judges the metric {metric.name}") from error
    for name in behaviour.rewards:
        if name not in names:
            known = ", ".join(sorted(names))
            raise InputError(f"{where}.rewards.{name}: the manifest has no metric of this name; it judges {known}")


def refuse_deaf_buckets(behaviour: Behaviour, analysis: Analysis, where: str) -> None:
    """A bound above the last bucket would call no answer slow, however long it took."""
    for metric in analysis.metrics:
        if metric.over is not None and isinstance(behaviour.latency, Buckets) and metric.over > behaviour.latency.last:
            over, last = format_duration(metric.over), format_duration(behaviour.latency.last)
            raise InputError(
                f"{where}: the manifest judges over: {over}, above the last bucket {last}; add one at {over}"
            )


def refuse_other_bounds(behaviour: Behaviour, stable: Behaviour, analysis: Analysis, where: str) -> None:
    """What is slow is told by one bound for all versions: the sentences name it."""
    for metric in analysis.metrics:
        if metric.over is None or behaviour.latency is None or stable.latency is None:
            continue
        bound = behaviour.latency.bound(metric.over, analysis.provider)
        of_stable = stable.latency.bound(metric.over, analysis.provider)
        if bound != of_stable:
            raise InputError(
                f"{where}: what is slow would be told at {format_duration(bound)}, and of stable at "
                f"{format_duration(of_stable)}; give both by median and p99, or by the same buckets"
            )
