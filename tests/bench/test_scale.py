"""The rollouts of ``bench.scale``: nothing is wrong with them, or an hour of measuring would wait for their health."""

from __future__ import annotations

from bench.scale.client import NAMESPACE
from bench.scale.manifests import GATEWAY, gateway, rollout
from modelrollout.manifests.gateways import entrance_problem
from modelrollout.resource.rollout import CLUSTER_DOMAIN, parse_spec
from modelrollout.resource.spec import Spec


def test_its_rollouts_are_in_order_and_callers_reach_them() -> None:
    spec = parse_spec(rollout(7, "1.0.0")["spec"])
    assert isinstance(spec, Spec), spec
    assert entrance_problem(spec.traffic, NAMESPACE, {GATEWAY: gateway()}.get, CLUSTER_DOMAIN) is None
