"""Whether the operator runs, and what to do where it does not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from modelrollout.cli.doctor.chart import IMAGE, install, mended
from modelrollout.cli.doctor.found import Finding, State
from modelrollout.cli.doctor.look import Look, NotSeen
from modelrollout.cli.doctor.operator import LABEL, Operator, operators
from modelrollout.cli.doctor.unready import not_made, why
from modelrollout.core.accept.references import UNPULLED

AREA = "operator"
_UNPULLED = UNPULLED.partition("{")[0]


def find(look: Look, namespace: str | None) -> tuple[Operator | None, list[Finding]]:
    """The operator that is there, and what is to be said of it."""
    try:
        found = operators(look, namespace)
    except NotSeen as error:
        way = "say --operator-namespace NAMESPACE, or ask somebody who may list deployments"
        return None, [Finding(AREA, State.UNKNOWN, f"it cannot be looked for: {error}", way)]
    if not found:
        return None, [Finding(AREA, State.MISSING, f"no Deployment has the label {LABEL}", install())]
    return found[0], [*(_one(look, operator) for operator in found), *_rivals(found)]


def _one(look: Look, operator: Operator) -> Finding:
    named = f"{operator.namespace}/{operator.name}"
    if operator.ready:
        watches = f"the namespaces {', '.join(operator.namespaces)}" if operator.namespaces else "all namespaces"
        text = f"{named}: {operator.ready} of {operator.wanted} pods are ready; it watches {watches}"
        return Finding(AREA, State.THERE, text)
    if not operator.wanted:
        scale = f"kubectl -n {operator.namespace} scale deployment/{operator.name} --replicas=1"
        return Finding(AREA, State.MISSING, f"{named} is scaled to 0 pods, so nothing looks after rollouts", scale)
    words, way = _why_not(look, operator)
    return Finding(AREA, State.MISSING, f"no pod of {named} is ready" + (f": {words}" if words else ""), way)


def _why_not(look: Look, operator: Operator) -> tuple[str, str]:
    """Why none of its pods is ready, and the command that mends that or tells more."""
    here, deployment = f"kubectl -n {operator.namespace}", f"deployment/{operator.name}"
    labels = operator.body["spec"]["selector"].get("matchLabels") or {}
    selector = ",".join(f"{name}={value}" for name, value in labels.items())
    try:
        pods = look.all(f"/api/v1/namespaces/{operator.namespace}/pods", labelSelector=selector)
    except NotSeen:
        return "", f"{here} logs {deployment}"
    if not pods:
        return not_made(operator.body) or "there is none", f"{here} describe {deployment}"
    words = why(pods)
    if words.startswith(_UNPULLED):
        return words, mended(operator, *IMAGE)
    if words.startswith("container "):
        return words, f"{here} logs {deployment} --previous"
    return words, f"{here} describe pods -l {selector}; {here} logs {deployment}"


def _rivals(found: Sequence[Operator]) -> Iterator[Finding]:
    everywhere = [operator for operator in found if not operator.namespaces]
    if len(found) > 1 and everywhere:
        words = f"{len(found)} operators, and {everywhere[0].namespace}/{everywhere[0].name} watches all namespaces"
        yield Finding(
            AREA, State.MISSING, f"{words}: both write the same objects", "give each its own namespaces, or remove one"
        )
