"""Names and addresses of local clusters: derived from the name, valid on Linux, never in each other's way."""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from e2e.cluster import addresses
from e2e.cluster.addresses import POOL, Cluster

NAMES = st.from_regex(addresses.NAME, fullmatch=True)


@pytest.mark.parametrize(
    ("env", "name"),
    [
        pytest.param({}, "demo", id="nothing said: the cluster of the demo"),
        pytest.param({"MODELROLLOUT_CLUSTER": ""}, "demo", id="said to be empty: the same"),
        pytest.param({"MODELROLLOUT_CLUSTER": "stories"}, "stories", id="said"),
        pytest.param({"MODELROLLOUT_CLUSTER": "ci-7"}, "ci-7", id="with digit and dash"),
        pytest.param({"MODELROLLOUT_CLUSTER": "abcdefghijkl"}, "abcdefghijkl", id="of the greatest length"),
    ],
)
def test_the_environment_names_the_cluster(env: dict[str, str], name: str) -> None:
    assert addresses.cluster_name(env) == name


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("abcdefghijklm", id="too long for a link"),
        pytest.param("Demo", id="capital letter"),
        pytest.param("7up", id="digit first"),
        pytest.param("demo-", id="dash last"),
        pytest.param("../demo", id="climbs out of the folder"),
        pytest.param("a b", id="space"),
    ],
)
def test_a_name_that_cannot_work_is_refused_with_the_rule(name: str) -> None:
    with pytest.raises(ValueError, match="MODELROLLOUT_CLUSTER") as refused:
        addresses.cluster_name({"MODELROLLOUT_CLUSTER": name})
    assert repr(name) in str(refused.value)


@given(NAMES)
def test_every_allowed_name_fits_a_network_link(name: str) -> None:
    assert len(addresses.label(name)) <= 15


def test_addresses_of_a_cluster() -> None:
    cluster = Cluster("demo", IPv4Network("10.213.0.4/30"), Path("/state/demo"))
    assert str(cluster.host_address) == "10.213.0.5"
    assert str(cluster.node_address) == "10.213.0.6"
    assert cluster.api_url == "https://10.213.0.6:6443"
    assert cluster.gateway_url == "http://10.213.0.6"
    assert cluster.mesh_url == "http://10.213.0.6:8501"
    assert cluster.prometheus_url == "http://10.213.0.6:9090"
    assert cluster.kubeconfig == Path("/state/demo/kubeconfig")
    assert cluster.log("envoy") == Path("/state/demo/logs/envoy.log")


@given(NAMES, st.lists(st.integers(0, 2**14 - 1), max_size=20))
def test_the_chosen_network_is_free_and_of_the_pool(name: str, blocks: list[int]) -> None:
    taken = [IPv4Network((int(POOL.network_address) + 4 * block, 30)) for block in blocks]
    chosen = addresses.free_link(name, taken)
    assert chosen.prefixlen == 30
    assert chosen.subnet_of(POOL)
    assert not any(chosen.overlaps(network) for network in taken)


@given(NAMES)
def test_a_name_gets_the_same_network_again_and_another_when_that_is_taken(name: str) -> None:
    first = addresses.free_link(name, [])
    assert addresses.free_link(name, []) == first
    assert addresses.free_link(name, [first]) != first


def test_a_route_to_everything_takes_nothing() -> None:
    assert addresses.free_link("demo", [IPv4Network("0.0.0.0/0")]).subnet_of(POOL)


@pytest.mark.parametrize("taken", ["10.213.0.0/16", "10.0.0.0/8"])
def test_a_machine_without_a_free_network_is_told(taken: str) -> None:
    with pytest.raises(ValueError, match=r"no free /30 network in 10\.213\.0\.0/16"):
        addresses.free_link("demo", [IPv4Network(taken)])
