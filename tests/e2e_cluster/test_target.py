"""Which cluster the demo and the stories use, by the environment alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from e2e.cluster.report import ClusterError
from e2e.cluster.target import find_target


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """The kubeconfig of a cluster elsewhere."""
    path = tmp_path / "their-kubeconfig"
    path.write_text("apiVersion: v1\nkind: Config\n")
    return path


def local(tmp_path: Path, name: str) -> Path:
    """State of a local cluster, as `up` leaves it; returns its kubeconfig."""
    state = tmp_path / "state" / name
    state.mkdir(parents=True)
    (state / "cluster.json").write_text(json.dumps({"link": "10.213.0.4/30"}))
    return state / "kubeconfig"


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "state")


def test_without_kubeconfig_it_is_the_local_cluster_of_that_name(tmp_path: Path, state: str) -> None:
    kubeconfig = local(tmp_path, "mine")
    target = find_target({"MODELROLLOUT_STATE": state, "MODELROLLOUT_CLUSTER": "mine"})
    assert target.local
    assert target.kubeconfig == kubeconfig
    assert target.gateway_url == "http://10.213.0.6"
    assert target.prometheus_url_outside == "http://10.213.0.6:9090"
    assert target.prometheus_url_inside == "http://prometheus.istio-system:9090"
    assert str(target.host_address) == "10.213.0.5"


def test_kubeconfig_of_a_local_cluster_counts_as_local(tmp_path: Path, state: str) -> None:
    kubeconfig = local(tmp_path, "other")
    target = find_target({"MODELROLLOUT_STATE": state, "KUBECONFIG": str(kubeconfig)})
    assert target.cluster is not None
    assert target.cluster.name == "other"


def test_no_local_cluster_says_how_to_make_one(state: str) -> None:
    with pytest.raises(ClusterError, match="no local cluster demo: `make cluster-up` makes it"):
        find_target({"MODELROLLOUT_STATE": state})


def test_a_cluster_elsewhere_is_used_as_told(theirs: Path, state: str) -> None:
    env = {
        "MODELROLLOUT_STATE": state,
        "KUBECONFIG": str(theirs),
        "MODELROLLOUT_GATEWAY_URL": "http://gateway.example",
        "MODELROLLOUT_PROMETHEUS_URL": "http://prometheus.example",
        "MODELROLLOUT_PROMETHEUS_URL_INSIDE": "http://prometheus.monitoring:9090",
    }
    target = find_target(env)
    assert not target.local
    assert target.kubeconfig == theirs
    assert target.gateway_url == "http://gateway.example"
    assert target.prometheus_url_outside == "http://prometheus.example"
    assert target.prometheus_url_inside == "http://prometheus.monitoring:9090"


@pytest.mark.parametrize("missing", ["MODELROLLOUT_GATEWAY_URL", "MODELROLLOUT_PROMETHEUS_URL"])
def test_a_cluster_elsewhere_lacks_an_address(theirs: Path, state: str, missing: str) -> None:
    env = {
        "MODELROLLOUT_STATE": state,
        "KUBECONFIG": str(theirs),
        "MODELROLLOUT_GATEWAY_URL": "http://gateway.example",
        "MODELROLLOUT_PROMETHEUS_URL": "http://prometheus.example",
    }
    with pytest.raises(ClusterError, match=f"set {missing}"):
        find_target({**env, missing: ""})


def test_kubeconfig_that_is_no_file_is_refused(state: str) -> None:
    with pytest.raises(ClusterError, match="must name one file that exists"):
        find_target({"MODELROLLOUT_STATE": state, "KUBECONFIG": "/nowhere/config"})


def test_an_image_for_a_cluster_elsewhere_goes_by_the_users_command(
    theirs: Path, state: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELROLLOUT_CACHE", str(tmp_path / "cache"))
    archive = tmp_path / "operator.tar"
    archive.write_text("image")
    env = {
        "MODELROLLOUT_STATE": state,
        "KUBECONFIG": str(theirs),
        "MODELROLLOUT_GATEWAY_URL": "http://gateway.example",
        "MODELROLLOUT_PROMETHEUS_URL": "http://prometheus.example",
    }
    with pytest.raises(ClusterError, match="set MODELROLLOUT_LOAD_COMMAND"):
        find_target(env).load_image(archive)
    find_target({**env, "MODELROLLOUT_LOAD_COMMAND": f"cp {{archive}} {tmp_path}/loaded"}).load_image(archive)
    assert (tmp_path / "loaded").read_text() == "image"
