"""Whose a host is when several rollouts name it: who was given it keeps it, whatever others write into their specs."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.core.plan import Reason
from modelrollout.manifests.allowed_hosts import host_rules
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.rivals import rival

HOST, PUBLIC = "fraud.example.com", "ingress/public"
RULES = '[{"namespaces": ["prod"], "hosts": ["*"], "gateways": ["ingress/public"]}]'
EARLIER, LATER = "2026-11-27T10:00:00Z", "2026-11-27T12:00:00Z"
Object = dict[str, Any]


def spec_of(host: str = HOST, gateways: tuple[str, ...] = (PUBLIC,), **more: Any) -> Object:
    return {
        "model": {"name": "fraud", "version": "1.0.1", "uri": "https://models.example.com/1.tar.gz"},
        "traffic": {"hosts": [host], "gateways": list(gateways)},
        "strategy": {"canary": {"steps": [{"setWeight": 10, "for": "1h"}]}},
        **more,
    }


def other(created: str = EARLIER, spec: Object | None = None, accepted: Object | None = None) -> Object:
    """A rollout of another team."""
    described = {"name": "other", "namespace": "team-b", "uid": "other", "creationTimestamp": created}
    status = {"acceptedSpec": accepted} if accepted is not None else {}
    return {"metadata": described, "spec": spec or spec_of(), "status": status}


def route(name: str, namespace: str, host: str = HOST, gateway: str = PUBLIC) -> Object:
    described = {"name": name, "namespace": namespace, "labels": {"modelrollout.dev/rollout": name}}
    return {"metadata": described, "spec": {"hosts": [host], "gateways": [gateway]}}


OURS, THEIRS = route("fraud", "prod"), route("other", "team-b")
ELSEWHERE = spec_of(gateways=("ingress/internal",))

# Our accepted spec; the rollout of another team; VirtualServices; the owner's rules; what is said of it.
CASES: dict[str, tuple[Object | None, Object, list[Object], str, str | None]] = {
    "of two who only ask, the older has it": (None, other(), [], "", "asked for by an older ModelRollout team-b/other"),
    "of two who only ask, the younger waits": (None, other(LATER), [], "", None),
    "an older one that edits its spec to our host": (spec_of(), other(), [], "", None),
    "the same when our status is lost": (None, other(), [OURS], "", None),
    "a younger one that was given it before us": (
        None,
        other(LATER, accepted=spec_of()),
        [],
        "",
        "already that of ModelRollout team-b/other",
    ),
    "one that routes it already": (spec_of(), other(), [THEIRS], "", "is already routed by ModelRollout team-b/other"),
    "an older one that may not have it": (None, other(), [], RULES, None),
    "an older one whose spec is none": (None, other(spec={"traffic": {"hosts": [HOST]}}), [], "", None),
    "an older one that only validates": (
        None,
        other(spec=spec_of(validateOnly={"against": "fraud"})),
        [],
        "",
        None,
    ),
    "we hold it elsewhere, and ask for it here": (ELSEWHERE, other(), [], "", "asked for by an older"),
    "a gateway in the older spelling": (
        None,
        other(spec=spec_of(gateways=("public.ingress",))),
        [],
        "",
        "asked for by an older",
    ),
}


@pytest.mark.parametrize(("accepted", "theirs", "routes", "rules", "words"), CASES.values(), ids=CASES)
def test_whose_a_host_is(
    accepted: Object | None, theirs: Object, routes: list[Object], rules: str, words: str | None
) -> None:
    described = {"name": "fraud", "namespace": "prod", "uid": "ours", "creationTimestamp": "2026-11-27T11:00:00Z"}
    status = {"acceptedSpec": accepted} if accepted is not None else {}
    ours: Object = {"metadata": described, "spec": spec_of(), "status": status}
    rollout = ModelRollout.from_json(ours)
    assert isinstance(rollout.spec, Spec), rollout.spec
    found = rival(rollout, rollout.spec, routes, [ours, theirs], host_rules(rules))
    if words is None:
        assert found is None
        return
    assert found is not None
    assert found.reason is Reason.HOST_TAKEN
    assert found.message.startswith(f"spec.traffic.hosts: {HOST} is already ")
    assert words in found.message
