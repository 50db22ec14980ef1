"""The versions that are deployed, each with its weight, its pods and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator

from modelrollout.api.status import Arm, Retiring, Status, VersionStatus
from modelrollout.cli.countdown import countdown
from modelrollout.cli.pods import Pod
from modelrollout.cli.render_route import audience_words
from modelrollout.cli.text import Line, Span, Style, bar, columns, counted, lasting, line
from modelrollout.cli.view import View

WEIGHT_BAR = 20  # characters: one for five percent
STABLE, CANDIDATE, RETIRING = "stable", "candidate", "retiring"
ROLE_STYLE = {STABLE: Style.GOOD, CANDIDATE: Style.WARN, RETIRING: Style.FAINT}


def version_lines(view: View) -> Iterator[Line]:
    """One version after the other: stable, those under trial, those that go."""
    rows = list(_rows(view))
    if not rows:
        yield line(Span("No version is deployed yet", Style.FAINT))
        return
    yield _title(view)
    names = columns([(role, version.version, f"{version.weight} %") for role, version, _ in rows])
    width = max(len(text) for text in names)
    for index, (name, (role, version, extra)) in enumerate(zip(names, rows, strict=True)):
        last, style = index == len(rows) - 1, ROLE_STYLE[role]
        stem = "└─ " if last else "├─ "
        yield line(
            stem, Span(name.ljust(width + 3), style), *bar(version.weight / 100, WEIGHT_BAR, style), f"   {extra}"
        )
        yield from _below(version, view, "   " if last else "│  ")


def _title(view: View) -> Line:
    """Whose requests the weights are shares of, where they are not everybody's."""
    audience = audience_words(view.rollout.status.trial)
    return line(Span("Versions", Style.TITLE), Span(f"  weights among {audience}" if audience else "", Style.FAINT))


def _rows(view: View) -> Iterator[tuple[str, VersionStatus, str]]:
    """Role, version, and what stands behind the bar."""
    status = view.rollout.status
    for role, version in serving(status):
        yield role, version, f"{version.ready} ready"
    for item in status.retiring:
        yield RETIRING, retired(item), f"{_end(item, view.now)}  ({item.reason})"


def serving(status: Status) -> Iterator[tuple[str, VersionStatus]]:
    """The versions that may have requests, each with its role."""
    if status.stable is not None:
        yield STABLE, status.stable
    for arm in status.arms:
        yield CANDIDATE, arm


def retired(item: Retiring) -> VersionStatus:
    """A version that goes, as one that is deployed."""
    return VersionStatus(version=item.version, uri=item.uri, digest=item.digest)


def _end(item: Retiring, now: float) -> str:
    """How long a version without requests stays."""
    if item.drain_until > now:
        return f"drains, {lasting(item.drain_until - now)} left"
    return f"pods go in {lasting(item.remove_at - now)}" if item.remove_at > now else "pods go now"


def _below(version: VersionStatus, view: View, stem: str) -> Iterator[Line]:
    """The lines under a version: its message and its pods."""
    if version.message:
        yield line(stem, Span(version.message, Style.BAD))
    if isinstance(version, Arm) and (left := countdown(version, view.now)) is not None:
        yield line(stem, Span(left, Style.WARN))
    pods = sorted((pod for pod in view.pods if pod.version == version.version), key=lambda pod: pod.name)
    rows = [(pod.name, pod.state, counted(pod.restarts, "restart"), lasting(view.now - pod.created)) for pod in pods]
    for index, (pod, text) in enumerate(zip(pods, columns(rows) if rows else [], strict=True)):
        yield line(stem, "└─ " if index == len(pods) - 1 else "├─ ", *_pod_mark(pod), text)


def _pod_mark(pod: Pod) -> Line:
    return (Span("✔ ", Style.GOOD),) if pod.ready else (Span("✖ ", Style.BAD),)
