"""Where requests go, as far as it takes more than one weight for each version: which share of whose requests.

Where everybody's requests are shared in one way, the weights of the versions say it all. A release may be for some
requests first, though (``spec.traffic.match``), or be seen by a header before anybody else sees it.
"""

from __future__ import annotations

from collections.abc import Sequence

from modelrollout.api.match import RequestMatch, TextMatch
from modelrollout.api.route import EVERYBODY, MATCHED, Split
from modelrollout.api.status import Status, Trial
from modelrollout.cli.text import Line, Span, Style, line, shortened, table

WHO_SHOWN = 60  # characters of the headers that a request must have; `describe` has the rest


def route_lines(status: Status, length: int = WHO_SHOWN) -> list[Line]:
    """The splits in their order, or nothing when there is only the one for everybody."""
    route = status.trial.route if status.trial is not None else None
    if route is None or len(route.splits) == 1:
        return []
    title = line(Span("Route", Style.TITLE), Span("  a request goes by the first line that it matches", Style.FAINT))
    known = [item.version for item in (status.stable, *status.arms) if item is not None]
    rows = [
        [Span(f"  {split.name}"), Span(shortened(whose(split), length)), Span(shares(split, known))]
        for split in route.splits
    ]
    return [title, *table(rows)]


def whose(split: Split) -> str:
    """Whose requests a split is for."""
    return " or ".join(match_words(match) for match in split.who) or "all other requests"


def match_words(match: RequestMatch) -> str:
    """``x-group is staff and x-user begins with 7 and cookie beta is yes and the caller's app is checkout``."""
    headers = [f"{name} {_value_words(wanted)}" for name, wanted in sorted(match.headers.items())]
    cookies = [f"cookie {name} {_value_words(wanted)}" for name, wanted in match.cookies.items()]
    labels = [f"the caller's {name} is {value}" for name, value in sorted(match.source_labels.items())]
    return " and ".join((*headers, *cookies, *labels))


def _value_words(wanted: TextMatch) -> str:
    if wanted.exact is not None:
        return f"is {wanted.exact}"
    if wanted.prefix is not None:
        return f"begins with {wanted.prefix}"
    return f"matches {wanted.regex}"


def shares(split: Split, order: Sequence[str]) -> str:
    """``1.0.1 90 %, 1.1.2 10 %``, with stable first."""
    versions = sorted(split.shares, key=lambda version: order.index(version) if version in order else len(order))
    return ", ".join(f"{version} {split.shares[version]} %" for version in versions)


def audience_words(trial: Trial | None) -> str:
    """Whose requests the release moves just now, where they are not everybody's; nothing else."""
    if trial is None or trial.route is None or trial.route.split(MATCHED) is None:
        return ""
    return split_words(trial.audience)


def split_words(name: str) -> str:
    """A split of several, as part of a sentence."""
    return "all other requests" if name == EVERYBODY else f"the {name} requests"
