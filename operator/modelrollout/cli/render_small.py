"""One rollout on a small terminal: what decides first, the evidence, and everything else in as few lines as it takes.

The tree says more and is drawn wherever there is room for it. Made for 60 columns and 20 lines: half of a laptop's
screen, beside the dashboards of an incident.
"""

from __future__ import annotations

from collections.abc import Iterator

from modelrollout.api.contest_status import ContestStatus
from modelrollout.api.metric_status import MetricStatus
from modelrollout.api.status import Arm, Status
from modelrollout.cli.live import Room
from modelrollout.cli.render import PHASE_STYLE, tree
from modelrollout.cli.render_alerts import alerts
from modelrollout.cli.render_contest import earned, lead, ranked
from modelrollout.cli.render_evidence import SPEAK_FOR_THEMSELVES, VERDICT_STYLE, asked_now, counts, has_counts
from modelrollout.cli.render_route import split_words
from modelrollout.cli.render_steps import step_lines
from modelrollout.cli.render_versions import ROLE_STYLE, serving
from modelrollout.cli.text import Line, Span, Style, bar, line, number, percent, plain, shortened, towards
from modelrollout.cli.view import View, spec_in_force
from modelrollout.resource.spec import Spec

COLUMNS = 60
BAR = 8
PRESENT = "▶"


def fitted(view: View, room: Room | None) -> list[Line]:
    """The tree where it fits, else the lines below; the tree for as much room as it needs (None)."""
    whole = tree(view)
    return whole if room is None or room.takes(whole) else small(view)


def small(view: View) -> list[Line]:
    """The lines, the most important ones first."""
    status, spec = view.rollout.status, spec_in_force(view.rollout)
    return [
        *_head(view),
        *evidence(status, spec),
        *contests(status),
        *([line(Span(view.note, Style.BAD))] if view.note else []),
        *(_cut(content) for content in alerts(view, COLUMNS)),
        *(_close(content) for content in step_lines(status, spec, view.now) if PRESENT in plain(content)),
        *versions(status),
    ]


def _head(view: View) -> Iterator[Line]:
    """Name and phase on one line, and the operator's sentence."""
    rollout, status = view.rollout, view.rollout.status
    step = f", step {status.step}" if status.step else ""
    yield line(Span(rollout.name, Style.TITLE), "  ", Span(status.phase.value, PHASE_STYLE[status.phase]), step)
    if status.message:
        yield line(status.message)


def evidence(status: Status, spec: Spec | None) -> Iterator[Line]:
    """Two lines for each metric that counts just now; of the last release when none is under way."""
    if status.trial is None:
        for item in (item for item in status.last_analysis if has_counts(item)):
            yield from _metric(item, "")
    for arm in status.arms:
        tests = asked_now(status, spec, arm)
        several = len({item.split for item in tests}) > 1
        for item in tests:
            yield from _metric(item, _whose(status, arm, item, several))


def _whose(status: Status, arm: Arm, item: MetricStatus, several: bool) -> str:
    """Version and requests, where that is not plain."""
    names = [arm.version] if len(status.arms) > 1 else []
    names += [split_words(item.split)] if several else []
    return f"{', '.join(names)}: " if names else ""


def _metric(item: MetricStatus, whose: str) -> Iterator[Line]:
    verdict = Span(item.verdict, VERDICT_STYLE.get(item.verdict, Style.PLAIN))
    yield line(f"{whose}{item.metric}  ", verdict, f"  {_both(item)}" if has_counts(item) else "")
    if item.message and not (has_counts(item) and item.verdict in SPEAK_FOR_THEMSELVES):
        yield line(f"  {shortened(item.message, COLUMNS - 2)}")
    if has_counts(item):
        worse = (*bar(towards(item.part, item.needed), BAR, Style.BAD), Span(_of(item.part, item.needed)))
        proven = bar(towards(item.proven, item.proven_needed), BAR, Style.GOOD)
        yield line("  worse ", *worse, "  not worse ", *proven, _of(item.proven, item.proven_needed))


def _of(value: float, needed: float) -> str:
    return f" {number(value)}/{number(needed)}"


def _both(item: MetricStatus) -> str:
    """What the candidate answered, and stable's share beside it."""
    stable = percent(item.counted(item.stable), item.stable.requests)
    return f"{counts(item, item.candidate)}, stable {stable}"


def contests(status: Status) -> Iterator[Line]:
    """Who earns more: a line for each version, and how far the first one is from having won."""
    trial = status.trial
    if trial is None:
        return
    for contest in (*trial.segments, *filter(None, [trial.contest])):
        yield from _contest(contest, named=bool(trial.segments))


def _contest(contest: ContestStatus, named: bool) -> Iterator[Line]:
    told = [item for item in ranked(contest) if item.requests]
    of = f" of {split_words(contest.split)}" if named else ""
    best = f"  {told[0].version} the best {_of(lead(told[0]), contest.needed).strip()}" if len(told) > 1 else ""
    yield line(Span(f"{contest.metric}{of}", Style.TITLE), best)
    for item in told:
        yield line(f"  {item.version}  {earned(item, contest.largest)[0]}")


def versions(status: Status) -> Iterator[Line]:
    """One line each, with what it says of itself."""
    for role, version in serving(status):
        name = Span(f"{role} {version.version}", ROLE_STYLE[role])
        yield line(name, f"  {version.weight} %  {version.ready} ready")
        if version.message:
            yield _cut(line("  ", Span(version.message, Style.BAD)))


def _close(content: Line) -> Line:
    """The line without the blanks that set its columns below those of others."""
    return tuple(Span(_with_least_blanks(span.text), span.style) for span in content)


def _with_least_blanks(text: str) -> str:
    """At most two at the end."""
    words = text.rstrip()
    return words + text[len(words) :][:2]


def _cut(content: Line) -> Line:
    """The line within the columns, in the style of its last words."""
    text = plain(content)
    return content if len(text) <= COLUMNS else (Span(shortened(text, COLUMNS), content[-1].style),)
