"""Which hosts rollouts may have by the cluster owner's rules, and without any."""

from __future__ import annotations

import json

import pytest

from modelrollout.core.plan import Reason
from modelrollout.manifests.allowed_hosts import forbidden_host, host_rules
from tests.manifests.render import CASES, load, rollout_of

OWN, STORE, PUBLIC = "fraud.prod", "storage.example.com", "ingress/public"
RULES = json.dumps(
    [
        {"namespaces": ["prod", "prod-*"], "hosts": ["*.models.example.com"], "gateways": [PUBLIC]},
        {"namespaces": ["*"], "hosts": ["shared.example.com"]},
    ]
)

# rules, host, gateway, may a rollout of prod have it?
ASKED: dict[str, tuple[str, str, str, bool]] = {
    "its own Service in the mesh": ("", OWN, "mesh", True),
    "a short name in the mesh": ("", "fraud", "mesh", True),
    "a host of the world in the mesh": ("", STORE, "mesh", False),
    "a Service of another cluster domain": ("", "fraud.prod.svc.corp.local", "mesh", False),
    "its own Service in several clusters": ("", "fraud.prod.svc.clusterset.local", "mesh", True),
    "another's Service in several clusters": ("", "shop.web.svc.clusterset.local", "mesh", False),
    "a host of the world at a Gateway": ("", STORE, PUBLIC, True),
    "its own Service in the mesh, with rules": (RULES, OWN, "mesh", True),
    "by a rule": (RULES, "fraud.models.example.com", PUBLIC, True),
    "by a rule, at another Gateway": (RULES, "fraud.models.example.com", "ingress/other", False),
    "by a rule, in the mesh": (RULES, "fraud.models.example.com", "mesh", False),
    "a Gateway of its own namespace": (RULES, "fraud.models.example.com", "public", False),
    "that Gateway in Istio's older spelling": (RULES, "fraud.models.example.com", "public.ingress", True),
    "another one's Gateway, as one of its own": (
        RULES.replace(PUBLIC, "prod/*"),
        "fraud.models.example.com",
        "public.ingress",
        False,
    ),
    "another host": (RULES, "shop.example.com", PUBLIC, False),
    "what everybody may have everywhere": (RULES, "shared.example.com", "mesh", True),
    "an end that is only alike": (RULES, "fraud.models.example.com.evil.org", PUBLIC, False),
    "for another namespace": (RULES.replace("prod", "dev"), "fraud.models.example.com", PUBLIC, False),
}


@pytest.mark.parametrize(("rules", "host", "gateway", "allowed"), ASKED.values(), ids=ASKED)
def test_who_may_have_a_host(rules: str, host: str, gateway: str, allowed: bool) -> None:
    (case,) = load(CASES / "route-of-one-version" / "in.yaml")
    case["rollout"]["spec"]["traffic"] = {"hosts": [host], "gateways": [gateway]}
    rollout, spec = rollout_of(case["rollout"])
    found = forbidden_host(rollout, spec, host_rules(rules))
    assert (found is None) is allowed
    if found is not None:
        assert found.reason is Reason.FOREIGN_HOST
        assert found.message.startswith("spec.traffic.hosts: ")
        assert host in found.message
        assert ("the cluster's owner may allow it (hosts of the chart: {namespaces" in found.message) is (
            "svc.corp" not in host
        )


def test_a_domain_that_may_be_the_clusters_own_is_asked_about() -> None:
    (case,) = load(CASES / "route-of-one-version" / "in.yaml")
    case["rollout"]["spec"]["traffic"] = {"hosts": ["fraud.prod.svc.corp.local"]}
    found = forbidden_host(*rollout_of(case["rollout"]), [])
    assert found is not None
    assert "tell the operator its cluster's domain, if that is not cluster.local (clusterDomain)" in found.message


NO_RULES = {
    "no JSON": ("team-a=*.example.com", "Expecting value"),
    "no list": ('{"namespaces": ["a"], "hosts": ["b"]}', "is no list of rules"),
    "no rule": ('["a"]', '"a" has not namespaces and hosts'),
    "no hosts": ('[{"namespaces": ["a"]}]', "has not namespaces and hosts"),
    "a field more": ('[{"namespaces": ["a"], "hosts": ["b"], "gateway": ["c"]}]', "and nothing else"),
    "a text for a list": ('[{"namespaces": "a", "hosts": ["b"]}]', "namespaces of .* is no list of patterns"),
    "an empty list": ('[{"namespaces": [], "hosts": ["b"]}]', "namespaces of .* is no list of patterns"),
}


@pytest.mark.parametrize(("text", "words"), NO_RULES.values(), ids=NO_RULES)
def test_what_are_no_rules(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        host_rules(text)
