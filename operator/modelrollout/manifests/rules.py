"""The rules of a VirtualService: a Split makes two of them, and a Route is read back from all of them.

Where users stay with the version that they got (``affinity/``), each of the two has one more in front of it for each
version: who is known as its user goes there, and only who is not known is drawn by the weights. Where the proxies
choose by the hash of a header, there is one rule more in front, with the same shares, for all who have that header.

What is read must be what would be written for it, to the letter, apart from settings that do not change where requests
go. Otherwise somebody edited the rules, and they are no Route.

Until 0.1 the rules had other names, the Service of a version was the same for everybody, and versions with weight 0
were listed. They are read in today's form, because an upgrade of the operator meets them in the middle of releases.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from modelrollout.api.cookies import COOKIE, pair
from modelrollout.api.match import RequestMatch, StringMatch
from modelrollout.api.route import EVERYBODY, MATCHED, PREVIEW, Route, Split
from modelrollout.api.traffic import VERSION_HEADER
from modelrollout.api.version import ModelVersion
from modelrollout.manifests.affinity.base import Live
from modelrollout.manifests.affinity.mesh_hash import RULE
from modelrollout.manifests.marks import NO_MARKS, Marks, marks_of
from modelrollout.manifests.meta import Object, service_host
from modelrollout.manifests.serving import GRPC_PORT, REST_PORT
from modelrollout.resource.rollout import ModelRollout

HUNDREDTHS = 100
"""Weights of a percent, where whole percents are too coarse."""

GRPC = "-grpc"
"""What the name of a split's rule for gRPC ends with."""

_GRPC_CONTENT = "application/grpc"
SETTINGS = frozenset({"retries", "timeout", "headers", "corsPolicy", "rewrite"})
READ_PAST = SETTINGS | {"mirrors"}
"""What of a live rule does not change where requests go: copies go nowhere."""

_STICKY_NAME = re.compile(rf"(.+)-[0-9]+\.[0-9]+\.[0-9]+({GRPC})?")  # the names of splits have no dots
_WEIGHTED, _OTHERS = "weighted", "others"  # names of rules until 0.1
_UNREADABLE = (KeyError, TypeError, ValueError, AttributeError)  # a live object may hold anything


def rules(rollout: ModelRollout, split: Split, marks: Marks = NO_MARKS) -> Iterator[Object]:
    """The rules for gRPC and those for REST, without settings.

    Destinations are in the order of their versions: the order in which a status comes back from the API server is
    another than the one in which it was decided.
    """
    shares = dict(sorted(split.shares.items(), key=lambda item: ModelVersion.parse(item[0])))
    weights, known = _weights(shares), marks.known(rollout, split)
    for suffix, port in ((GRPC, GRPC_PORT), ("", REST_PORT)):
        content = {"content-type": {"prefix": _GRPC_CONTENT}} if suffix == GRPC else {}
        for version in (version for version in shares if version in known):
            to = [_destination(rollout, split, version, 100, port, marks, drawn=False)]
            yield _rule(f"{split.name}-{version}{suffix}", split, content | known[version], to)
        if (hashed := marks.hashed(split)) is not None:
            name, has_it = hashed
            yield _rule(
                name, split, content | has_it, _drawn(rollout, split, _weights(shares, HUNDREDTHS), port, marks)
            )
        yield _rule(split.name + suffix, split, content, _drawn(rollout, split, weights, port, marks))


def _drawn(rollout: ModelRollout, split: Split, weights: Mapping[str, int], port: int, marks: Marks) -> list[Object]:
    """The destinations of a rule that draws by weights."""
    return [
        _destination(rollout, split, version, weight, port, marks, drawn=True) for version, weight in weights.items()
    ]


def _weights(shares: Mapping[str, float], least: int = 1) -> dict[str, int]:
    """Whole weights: percents, or hundredths of them where one of the shares is not whole, or by the ``least`` scale.
    Istio takes any sum. https://istio.io/latest/docs/reference/config/networking/virtual-service/#HTTPRouteDestination"""
    scale = least if all(share == int(share) for share in shares.values()) else HUNDREDTHS
    return {version: round(scale * share) for version, share in shares.items()}


def _rule(name: str, split: Split, besides: Object, to: list[Object]) -> Object:
    """One rule for the requests of a split that fulfil a condition ``besides``."""
    conditions = [_condition(match, besides) for match in split.who] or ([{"headers": besides}] if besides else [])
    return {"name": name, **({"match": conditions} if conditions else {}), "route": to}


def _condition(match: RequestMatch, besides: Object) -> Object:
    headers = {name.lower(): _string_match(how) for name, how in match.headers.items()}
    for name, how in match.cookies.items():
        headers[COOKIE] = {"regex": pair(name, how.expression)}
    given = {"headers": headers | besides, "sourceLabels": match.source_labels}
    return {name: part for name, part in given.items() if part}


def _destination(
    rollout: ModelRollout, split: Split, version: str, weight: int, port: int, marks: Marks, *, drawn: bool
) -> Object:
    return {
        "destination": {
            "host": _host(rollout, version, split.name),
            "port": {"number": port},
        },
        "weight": weight,
        "headers": marks.headers(rollout, split, version, drawn=drawn),
    }


def _host(rollout: ModelRollout, version: str, split: str) -> str:
    return service_host(rollout.name, rollout.namespace, version, split, rollout.cluster_domain)


def plain(http: Iterable[Object]) -> list[Object]:
    """Desired rules with nothing in them that an answer does not need: nobody is known again, and no mark but the
    version."""
    return [{**rule, "route": [_plain(item) for item in rule["route"]]} for rule in http if not _is_sticky(rule)]


def _plain(destination: Object) -> Object:
    return {**destination, "headers": {"response": {"set": {VERSION_HEADER: _version(destination)}}}}


def _is_sticky(rule: Mapping[str, Any]) -> bool:
    """Whether it is for those who are known again."""
    return rule["name"].startswith(RULE) or _STICKY_NAME.fullmatch(rule["name"]) is not None


def _string_match(value: StringMatch) -> Object:
    return {key: text for key, text in value.model_dump().items() if text is not None}


def route_of(rollout: ModelRollout, live: Any) -> Route | None:
    """The Route that live rules are, or None when they are none that could have been written."""
    try:
        names = todays_names(live)
        found = [_rule_as_today(rollout, rule, names) for rule in live]
        weighted = [rule for rule in found if not _is_sticky(rule)]
        route = Route(splits=tuple(_split(rule) for rule in weighted[1::2]))
        marks = marks_of(Live([item for rule in weighted for item in rule["route"]], list(_known(found))))
        written = [rule for split in route.splits for rule in rules(rollout, split, marks)]
    except _UNREADABLE:
        return None
    if [_without_settings(rule) for rule in found] != written:
        return None
    return _without_idle_match(rollout, route) if names else route


def _known(found: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What rules for known users look at besides whom their split is for: header and condition."""
    last: Mapping[str, Any] = {}
    for rule in reversed(list(found)):  # those for known users are in front of the one that draws
        if not _is_sticky(rule):
            last = _headers(rule)
        else:
            yield from ((name, how) for name, how in _headers(rule).items() if name not in last)


def _headers(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of a rule's first alternative: all of them look at the same user."""
    alternatives: list[Mapping[str, Any]] = rule.get("match") or [{}]
    found: Mapping[str, Any] = alternatives[0].get("headers", {})
    return found


def _split(rule: Mapping[str, Any]) -> Split:
    """From its rule for REST."""
    who = tuple(RequestMatch.model_validate(condition) for condition in rule.get("match", ()))
    weights = {_version(item): item["weight"] for item in rule["route"]}
    scale = HUNDREDTHS if sum(weights.values()) == 100 * HUNDREDTHS else 1
    return Split(name=rule["name"], shares={version: weight / scale for version, weight in weights.items()}, who=who)


def _version(destination: Mapping[str, Any]) -> str:
    return str(destination["headers"]["response"]["set"][VERSION_HEADER])


def _without_settings(rule: Mapping[str, Any]) -> Object:
    return {name: value for name, value in rule.items() if name not in READ_PAST}


def todays_names(live: Iterable[Mapping[str, Any]]) -> Mapping[str, str]:
    """What the rules of an operator up to 0.1 are called today. Empty when it did not write these."""
    names = {rule.get("name") for rule in live}
    if _WEIGHTED not in names:
        return {}
    weighted = MATCHED if _OTHERS in names else EVERYBODY
    today = {PREVIEW: PREVIEW, _WEIGHTED: weighted, _OTHERS: EVERYBODY}
    return {name + suffix: new + suffix for name, new in today.items() for suffix in ("", GRPC)}


def _rule_as_today(rollout: ModelRollout, rule: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, Any]:
    """A rule of an operator up to 0.1 as one of today's. Without ``names`` it is one."""
    if not names:
        return rule
    name = names[rule["name"]]
    split = name.removesuffix(GRPC)
    kept = [_host_as_today(rollout, item, split) for item in rule["route"] if item["weight"] != 0]
    return {**rule, "name": name, "route": sorted(kept, key=lambda item: ModelVersion.parse(_version(item)))}


def _host_as_today(rollout: ModelRollout, item: Mapping[str, Any], split: str) -> Object:
    plain = _host(rollout, _version(item), EVERYBODY)
    host = _host(rollout, _version(item), split)
    found = item["destination"]
    return {**item, "destination": {**found, "host": host if found["host"] == plain else found["host"]}}


def _without_idle_match(rollout: ModelRollout, route: Route) -> Route:
    """Until 0.1 the requests of ``traffic.match`` had rules of their own also while nothing was under trial, and with
    the same destination as all others. Today they have none then, unless a trial has decided so."""
    trial, matched = rollout.status.trial, route.split(MATCHED)
    if matched is None or matched.shares != route.everybody.shares:
        return route
    if trial is not None and trial.route is not None and trial.route.split(MATCHED) is not None:
        return route
    return Route(splits=tuple(split for split in route.splits if split.name != MATCHED))
