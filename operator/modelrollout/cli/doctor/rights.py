"""Rights: what the operator may do, asked of the API server itself, and what the person may do who asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from modelrollout.cli.doctor.chart import mended
from modelrollout.cli.doctor.found import Finding, State
from modelrollout.cli.doctor.look import Look, NotSeen
from modelrollout.cli.doctor.operator import Operator
from modelrollout.resource.rollout import GROUP, PLURAL

AREA = "rights"
REVIEWS = "/apis/authorization.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class Right:
    """What is needed of one kind of objects; ``optional`` says for what alone."""

    group: str
    resource: str
    verbs: tuple[str, ...]
    optional: str = ""


OF_OPERATOR = (
    Right(GROUP, PLURAL, ("get", "list", "watch", "patch")),
    Right(GROUP, f"{PLURAL}/status", ("patch",)),
    Right("apps", "deployments", ("list", "watch", "create", "patch", "delete")),
    Right("", "services", ("list", "watch", "create", "patch", "delete")),
    Right("autoscaling", "horizontalpodautoscalers", ("list", "watch", "create", "patch", "delete")),
    Right("networking.istio.io", "virtualservices", ("get", "list", "watch", "create", "patch")),
    Right("networking.istio.io", "gateways", ("list", "watch")),
    Right("", "pods", ("list", "watch")),
    Right("", "events", ("create", "get", "list", "update")),
    Right("", "configmaps", ("get",), "smoke requests and samples from ConfigMaps"),
)
"""As the chart gives them (charts/modelrollout/templates/_names.tpl); a test compares."""

OF_PERSON = (
    Right(GROUP, PLURAL, ("get", "list", "watch")),
    Right(GROUP, PLURAL, ("patch",), "telling a release what to do"),
)


def of_operator(look: Look, operator: Operator) -> Iterator[Finding]:
    """In each namespace that it watches, or in all of them."""
    user = f"system:serviceaccount:{operator.namespace}:{operator.account}"
    for namespace in operator.namespaces or ("",):
        where = f"in {namespace}" if namespace else "in all namespaces"
        try:
            lacking = list(_lacking(look, OF_OPERATOR, namespace, user))
        except NotSeen as error:
            way = f"ask somebody who may create subjectaccessreviews, or: kubectl auth can-i --list --as={user}"
            yield Finding(AREA, State.UNKNOWN, f"the operator's rights {where} cannot be asked for: {error}", way)
            return
        yield from _told("the operator", where, lacking, mended(operator, "rbac.create=true"))
        if not lacking:
            yield Finding(AREA, State.THERE, f"the operator has all the rights that it needs {where}")


def of_person(look: Look, namespace: str | None) -> Iterator[Finding]:
    """What whoever asks may do with rollouts."""
    where = f"in {namespace}" if namespace else "in all namespaces"
    try:
        lacking = list(_lacking(look, OF_PERSON, namespace or "", None))
    except NotSeen as error:
        yield Finding(AREA, State.UNKNOWN, f"your own rights cannot be asked for: {error}")
        return
    way = "kubectl create rolebinding releases --clusterrole=edit --user=YOU -n NAMESPACE, by an administrator"
    yield from _told("you", where, [(right, verbs) for right, verbs in lacking], way, least=State.DOUBTFUL)
    if not lacking:
        yield Finding(AREA, State.THERE, f"you may look at rollouts and tell them what to do {where}")


def _lacking(
    look: Look, rights: Sequence[Right], namespace: str, user: str | None
) -> Iterator[tuple[Right, list[str]]]:
    for right in rights:
        refused = [verb for verb in right.verbs if not _may(look, right, verb, namespace, user)]
        if refused:
            yield right, refused


def _may(look: Look, right: Right, verb: str, namespace: str, user: str | None) -> bool:
    resource, _, part = right.resource.partition("/")
    wanted = {"verb": verb, "group": right.group, "resource": resource, "subresource": part, "namespace": namespace}
    kind = "SubjectAccessReview" if user else "SelfSubjectAccessReview"
    spec: dict[str, Any] = {"resourceAttributes": wanted} | ({"user": user} if user else {})
    body = {"apiVersion": "authorization.k8s.io/v1", "kind": kind, "spec": spec}
    return bool(look.post(f"{REVIEWS}/{kind.lower()}s", body)["status"]["allowed"])


def _told(
    who: str, where: str, lacking: Sequence[tuple[Right, list[str]]], mend: str, least: State = State.MISSING
) -> Iterator[Finding]:
    for right, verbs in lacking:
        what = f"{who} may not {' or '.join(verbs)} {right.resource} {where}"
        needed = f", which is for {right.optional}" if right.optional else ""
        yield Finding(AREA, State.DOUBTFUL if right.optional else least, f"{what}{needed}", mend)
