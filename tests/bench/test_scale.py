"""``bench.scale``: nothing is wrong with its rollouts, or an hour of measuring would wait for their health."""

from __future__ import annotations

from bench.scale.client import NAMESPACE
from bench.scale.manifests import GATEWAY, gateway, rollout
from bench.scale.measures import While
from bench.scale.report import RELEASING, cost_rows
from modelrollout.manifests.gateways import entrance_problem
from modelrollout.resource.rollout import CLUSTER_DOMAIN, parse_spec
from modelrollout.resource.spec import Spec


def test_its_rollouts_are_in_order_and_callers_reach_them() -> None:
    spec = parse_spec(rollout(7, "1.0.0")["spec"])
    assert isinstance(spec, Spec), spec
    assert entrance_problem(spec.traffic, NAMESPACE, {GATEWAY: gateway()}.get, CLUSTER_DOMAIN) is None


def test_delays_are_told_by_the_bounds_of_the_histograms() -> None:
    """Of 1,000 samples 992 within a second; of 1,000 steps five are longer than 50 ms, and none than 100 ms."""
    delays = {"1.0": 992.0, "2.5": 999.0, "+Inf": 1000.0}
    steps = {"0.025": 990.0, "0.05": 995.0, "0.1": 1000.0, "+Inf": 1000.0}
    own = {f'modelrollout_sample_delay_seconds_bucket{{le="{bound}"}}': count for bound, count in delays.items()}
    own |= {f'modelrollout_loop_delay_seconds_bucket{{le="{bound}"}}': count for bound, count in steps.items()}
    own |= {f"modelrollout_{name}_delay_seconds_count": 1000.0 for name in ("sample", "loop")}
    rows = dict(row[:2] for row in cost_rows("500", While(60.0, 12.0, {}, 130.0, {}, 0.5, own), RELEASING))
    assert rows["500: scrape -> decision, p99"] == "<= 1 s"
    assert rows["500: the event loop was late by more than 50 ms"] == "5 of 1000, the longest <= 0.1 s"
