"""doctor: against a real API server and a real Prometheus, each thing that is amiss is found, and can be mended."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from click.testing import CliRunner

from modelrollout.cli.doctor.command import lines
from modelrollout.cli.doctor.found import Finding, State
from modelrollout.cli.main import main
from modelrollout.resource.crd import crd
from tests.apiserver import ApiServer, running
from tests.chart.chart import NAMESPACE
from tests.cli.doctor.stage import BINDING, DEPLOYMENT, GATEWAY, ROLLOUT, Stage
from tests.cli.test_get import signed_in
from tests.prometheus_server import Scraped

pytestmark = pytest.mark.apiserver

HOST = "fraud-1-0-1.prod.svc.cluster.local"
COUNTED = {
    'istio_build{component="proxy"}': 1.0,
    f'istio_requests_total{{reporter="source",destination_service="{HOST}",response_code="200"}}': 812.0,
}
CALLED = {key.replace('"source"', '"destination"'): value for key, value in COUNTED.items()}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API server of these tests' own: they take types away that others need."""
    with running(tmp_path_factory.mktemp("doctor")) as server:
        yield server


@pytest.fixture(scope="module")
def told_of_nothing(bare: ApiServer) -> tuple[int, list[dict[str, str]]]:
    """What is said of a cluster in which nothing was installed."""
    return examined(bare)


@pytest.fixture(scope="module")
def stage(bare: ApiServer, told_of_nothing: object) -> Stage:
    """The same with everything."""
    whole = Stage(bare)
    whole.everything()
    return whole


@pytest.fixture
def counted(scraped: Scraped) -> Iterator[Scraped]:
    """A Prometheus with the counters of a version that serves."""
    shows(scraped, COUNTED)
    yield scraped
    scraped.source.lines = {}


def shows(scraped: Scraped, series: dict[str, float]) -> None:
    """What the next scrapes have, and nothing else."""
    scraped.source.lines = dict(series)
    scraped.wait_for_scrape()


def examined(server: ApiServer, *options: str) -> tuple[int, list[dict[str, str]]]:
    """The exit code and the findings."""
    kubeconfig = [] if "--kubeconfig" in options else ["--kubeconfig", str(server.kubeconfig)]
    result = CliRunner().invoke(main, ["doctor", "-o", "json", *kubeconfig, *options])
    assert isinstance(result.exception, SystemExit | None), result.exception
    return result.exit_code, json.loads(result.stdout)


def of(findings: list[dict[str, str]], state: str) -> list[str]:
    """The sentences of one state."""
    return [item["text"] for item in findings if item["state"] == state]


def test_where_nothing_is_everything_is_named(told_of_nothing: tuple[int, list[dict[str, str]]]) -> None:
    code, findings = told_of_nothing
    assert code == 1
    assert of(findings, "missing") == [
        "modelrollouts.modelrollout.dev is missing",
        "virtualservices.networking.istio.io is missing, which routes the requests",
        "gateways.networking.istio.io is missing, which lets requests in from outside",
        "no Deployment has the label app.kubernetes.io/name=modelrollout",
    ]
    assert all(item["mend"] for item in findings if item["state"] in ("missing", "unknown"))


def test_where_nothing_is_one_command_installs_all_that_is_ours(
    told_of_nothing: tuple[int, list[dict[str, str]]],
) -> None:
    """In a namespace that is not there yet, with an image that can be pulled."""
    ours = ("modelrollouts.modelrollout.dev is missing", "no Deployment has the label ")
    commands = {item["mend"] for item in told_of_nothing[1] if item["text"].startswith(ours)}
    assert commands == {
        "helm install modelrollout charts/modelrollout -n modelrollout-system --create-namespace "
        "--set image.repository=REGISTRY/modelrollout --set image.tag=VERSION, with the image that you pushed "
        "(docs/install.md)"
    }


def test_where_everything_is_nothing_is_missed(stage: Stage, counted: Scraped) -> None:
    code, findings = examined(stage.server, "--prometheus", counted.url)
    assert (of(findings, "missing"), of(findings, "unknown")) == ([], [])
    assert code == 0
    told = of(findings, "there")
    assert f"{NAMESPACE}/modelrollout: 1 of 1 pods are ready; it watches all namespaces" in told
    assert "the operator has all the rights that it needs in all namespaces" in told
    assert "prod/fraud: answers of 1.0.1 are counted" in told


def test_the_picture_for_people(stage: Stage, counted: Scraped) -> None:
    place = ["--kubeconfig", str(stage.server.kubeconfig), "--prometheus", counted.url]
    lines = CliRunner().invoke(main, ["doctor", *place]).stdout.splitlines()
    assert lines[0] == "cluster"
    assert lines[1].startswith("  ✔ Kubernetes v1.")
    assert lines[-1].endswith(" there")


Change = Callable[[Stage], Callable[[], object]]


def without(path: str) -> Change:
    """One object is gone."""

    def change(stage: Stage) -> Callable[[], object]:
        body = stage.delete(path)
        return lambda: stage.server.apply(path, body)

    return change


def gateway_for_others(stage: Stage) -> Callable[[], object]:
    stage.gateway(["other.example.com"])
    return lambda: stage.gateway(["fraud.example.com"])


def gateway_not_ready(stage: Stage) -> Callable[[], object]:
    stage.pod("ingress", "gateway", ready=False)
    return lambda: stage.pod("ingress", "gateway")


def istiod_not_ready(stage: Stage) -> Callable[[], object]:
    stage.pod("istio-system", "istiod", ready=False)
    return lambda: stage.pod("istio-system", "istiod")


def operator_down(stage: Stage) -> Callable[[], object]:
    """Of a Deployment whose pods nobody makes."""
    stage.operator_ready(0)
    return lambda: stage.operator_ready(1)


def operator_scaled_away(stage: Stage) -> Callable[[], object]:
    stage.operator_ready(0)
    stage.merge(DEPLOYMENT, {"spec": {"replicas": 0}})
    return lambda: stage.merge(DEPLOYMENT, {"spec": {"replicas": 1}})


def operator_refused(stage: Stage) -> Callable[[], object]:
    """A quota takes no pod of it."""
    stage.operator_ready(0)
    stage.merge(f"{DEPLOYMENT}/status", {"status": {"conditions": [REFUSED]}})
    return lambda: stage.merge(f"{DEPLOYMENT}/status", {"status": {"conditions": None}})


def operator_waits(state: Mapping[str, object], restarts: int = 0) -> Change:
    """It has a pod, whose container is in this state."""

    def change(stage: Stage) -> Callable[[], object]:
        stage.operator_ready(0)
        stage.pod(NAMESPACE, "operator-x", ready=False, labels=LABELS)
        container = {"name": "operator", "image": "modelrollout:0.1.0", "imageID": "", "ready": False, **state}
        told = {"containerStatuses": [container | {"restartCount": restarts}]}
        stage.merge(f"/api/v1/namespaces/{NAMESPACE}/pods/operator-x/status", {"status": told})
        return lambda: stage.delete(f"/api/v1/namespaces/{NAMESPACE}/pods/operator-x")

    return change


REFUSED = {
    "type": "ReplicaFailure",
    "status": "True",
    "reason": "FailedCreate",
    "message": "pods is forbidden: exceeded quota: small",
}
LABELS = {"app.kubernetes.io/name": "modelrollout", "app.kubernetes.io/instance": "modelrollout"}
UNPULLED = {"state": {"waiting": {"reason": "ErrImagePull", "message": "modelrollout:0.1.0: not found"}}}
CRASHED = {
    "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 10s"}},
    "lastState": {"terminated": {"exitCode": 1, "reason": "Error", "message": "error: MODELROLLOUT_POLL: no duration"}},
}
DOWN = f"no pod of {NAMESPACE}/modelrollout is ready"
UPGRADE = f"helm upgrade modelrollout charts/modelrollout -n {NAMESPACE} --reuse-values"


def older_definition(stage: Stage) -> Callable[[], object]:
    older = copy.deepcopy(crd())
    for version in older["spec"]["versions"]:
        del version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["rollback"]
    stage.definition(older)
    return lambda: stage.definition(crd())


def istio_outside(stage: Stage) -> Callable[[], object]:
    """Control plane and gateway are processes elsewhere, as on the cluster of the demo."""
    stage.delete(ISTIOD)
    stage.delete(GATEWAY_POD)
    return lambda: stage.pod("ingress", "gateway")


ISTIOD = "/api/v1/namespaces/istio-system/pods/istiod"
PROMETHEUS = "/api/v1/namespaces/istio-system/services/prometheus"
GATEWAY_POD = "/api/v1/namespaces/ingress/pods/gateway"

CHANGES: dict[str, tuple[Change, int, str, str]] = {
    "a gateway that does not exist": (
        without(GATEWAY),
        1,
        "prod/fraud names the gateway ingress/public, which is not there: nobody reaches it",
        "kubectl edit modelrollout fraud -n prod, to correct spec.traffic.gateways; or make the Gateway",
    ),
    "a gateway for other hosts": (
        gateway_for_others,
        1,
        "the gateway ingress/public does not let in fraud.example.com of prod/fraud: callers get 404",
        "kubectl edit gateways.networking.istio.io public -n ingress",
    ),
    "a gateway outside, as its control plane": (
        istio_outside,
        0,
        "ingress/public: no pod has app=gateway; a gateway outside of the cluster cannot be seen from here",
        "kubectl get pods -A -l app=gateway, unless the gateway is run for you, as istiod is",
    ),
    "a gateway without pods, beside its control plane": (
        without(GATEWAY_POD),
        1,
        "ingress/public: there is no pod with app=gateway",
        "kubectl get pods -A -l app=gateway",
    ),
    "a gateway that is not ready": (
        gateway_not_ready,
        1,
        "ingress/public: no pod with app=gateway is ready: it is starting",
        "kubectl get pods -A -l app=gateway",
    ),
    "istiod that is not ready": (
        istiod_not_ready,
        1,
        "no pod of istiod is ready: it is starting",
        "kubectl -n istio-system describe pods -l app=istiod",
    ),
    "no istiod": (without(ISTIOD), 0, "no pod has the label app=istiod; ", ""),
    "an operator without pods": (
        operator_down,
        1,
        f"{DOWN}: there is none",
        f"kubectl -n {NAMESPACE} describe deployment/modelrollout",
    ),
    "an operator that is scaled away": (
        operator_scaled_away,
        1,
        f"{NAMESPACE}/modelrollout is scaled to 0 pods, so nothing looks after rollouts",
        f"kubectl -n {NAMESPACE} scale deployment/modelrollout --replicas=1",
    ),
    "an operator that a quota refuses": (
        operator_refused,
        1,
        f"{DOWN}: pods is forbidden: exceeded quota: small",
        f"kubectl -n {NAMESPACE} describe deployment/modelrollout",
    ),
    "an operator whose image cannot be pulled": (
        operator_waits(UNPULLED),
        1,
        f'{DOWN}: image "modelrollout:0.1.0" cannot be pulled: modelrollout:0.1.0: not found',
        f"{UPGRADE} --set image.repository=REGISTRY/modelrollout --set image.tag=VERSION",
    ),
    "an operator that ends": (
        operator_waits(CRASHED, restarts=3),
        1,
        f"{DOWN}: container operator ended with exit code 1: error: MODELROLLOUT_POLL: no duration; it is",
        f"kubectl -n {NAMESPACE} logs deployment/modelrollout --previous",
    ),
    "an operator that runs and is not ready": (
        operator_waits({"state": {"running": {}}}),
        1,
        f"{DOWN}: its containers run, and it is not ready",
        f"kubectl -n {NAMESPACE} logs deployment/modelrollout",
    ),
    "no operator": (without(DEPLOYMENT), 1, "no Deployment has the label ", "helm install modelrollout"),
    "an operator without its rights": (
        without(BINDING),
        1,
        "the operator may not list or watch or create or patch or delete deployments in all namespaces",
        "--set rbac.create=true",
    ),
    "a Prometheus that is not there, though another is asked": (
        without(PROMETHEUS),
        1,
        "prometheus.url http://prometheus.istio-system:9090 names a Service that is not there: the operator sees",
        f"{UPGRADE} --set prometheus.url=http://NAME.NAMESPACE:PORT",
    ),
    "a Service for smoke requests that is not there": (
        without("/api/v1/namespaces/ingress/services/gateway"),
        0,
        "gateway.url http://gateway.ingress names a Service that is not there: smoke requests go nowhere",
        "--set gateway.url=http://NAME.NAMESPACE",
    ),
    "an older definition": (
        older_definition,
        0,
        "modelrollouts.modelrollout.dev has other fields than this program knows: one of the two is older",
        f"with the chart of this program's version: {UPGRADE} --set crds.install=true",
    ),
}


@pytest.mark.parametrize(("change", "code", "text", "mend"), CHANGES.values(), ids=CHANGES.keys())
def test_what_is_amiss_is_found(
    stage: Stage, counted: Scraped, change: Change, code: int, text: str, mend: str
) -> None:
    restore = change(stage)
    try:
        found_code, findings = examined(stage.server, "--prometheus", counted.url)
    finally:
        restore()
        stage.operator_ready(1)
        stage.pod("istio-system", "istiod")
        stage.pod("ingress", "gateway")
    assert of(findings, "unknown") == []
    [found] = [item for item in findings if item["text"].startswith(text)]
    assert found["state"] in ("missing", "doubtful")
    assert mend in found["mend"]
    assert found_code == code


COUNTERS: dict[str, tuple[dict[str, float], int, str]] = {
    "nothing of Istio is scraped": (
        {},
        1,
        'no series istio_build{component="proxy"}: nothing that provider istio reads',
    ),
    "no request yet": (
        {'istio_build{component="proxy"}': 1.0},
        0,
        "provider istio: no counter of answers yet; they come with the first request",
    ),
    "only the called side": (CALLED, 1, 'istio_requests_total is there with reporter="destination" alone'),
    "answers of others": (
        {key.replace(HOST, "other.prod.svc.cluster.local"): value for key, value in COUNTED.items()},
        0,
        "prod/fraud: no answer of 1.0.1 is counted by provider istio",
    ),
}


@pytest.mark.parametrize(("series", "code", "text"), COUNTERS.values(), ids=COUNTERS.keys())
def test_counters_that_are_missing(
    stage: Stage, scraped: Scraped, series: dict[str, float], code: int, text: str
) -> None:
    shows(scraped, series)
    found_code, findings = examined(stage.server, "--prometheus", scraped.url)
    assert [item for item in findings if item["text"].startswith(text) and item["mend"]]
    assert found_code == code


def test_without_any_rollout_what_is_scraped_counts(stage: Stage, scraped: Scraped) -> None:
    """Nobody has chosen a provider yet, so the default one is not asked for where another could be used."""
    shows(scraped, {"envoy_server_live": 1.0})
    code, findings = examined(stage.server, "--prometheus", scraped.url, "-n", "default")
    assert code == 0
    assert "provider envoy: its sources are scraped" in of(findings, "there")


def test_a_prometheus_that_cannot_be_asked_is_not_seen(stage: Stage) -> None:
    """Its Service is asked behind the API server, which asks none without a selector."""
    code, findings = examined(stage.server)
    assert code == 3
    [words] = of(findings, "unknown")
    assert words.startswith("it was not asked: the API server does not ask behind Service istio-system/prometheus")


def test_an_operator_that_asks_nobody_is_no_success(stage: Stage) -> None:
    restore = without(PROMETHEUS)(stage)
    try:
        code, findings = examined(stage.server)
    finally:
        restore()
    assert (code, of(findings, "unknown")) == (1, [])
    assert [item["text"] for item in findings if item["area"] == "prometheus"] == of(findings, "missing")


def test_a_wrong_flag_is_what_is_wrong(stage: Stage) -> None:
    code, findings = examined(stage.server, "--prometheus", "http://127.0.0.1:1")
    [found] = [item for item in findings if item["state"] == "unknown"]
    assert code == 3
    assert "--prometheus http://127.0.0.1:1 could not be reached: " in found["text"]
    assert found["mend"].startswith("correct --prometheus URL")


def test_each_thing_is_told_once(stage: Stage, scraped: Scraped) -> None:
    shows(scraped, {'istio_build{component="proxy"}': 1.0, "envoy_server_live": 1.0})
    for _ in range(3):
        scraped.wait_for_scrape()
    _, findings = examined(stage.server, "--prometheus", scraped.url, "-n", "default")
    assert len([item for item in findings if item["text"].startswith("scraped every ")]) == 1
    twice = [Finding(area, State.MISSING, "no", "helm install modelrollout") for area in ("definitions", "operator")]
    shown = ["".join(span.text for span in part) for part in lines(twice)]
    assert [text.strip() for text in shown if "helm" in text or "as above" in text] == [twice[0].mend, "as above"]


def test_what_is_amiss_with_a_gateway_is_said_once(stage: Stage, counted: Scraped) -> None:
    stage.rollout("ranking")
    restore = gateway_not_ready(stage)
    try:
        _, findings = examined(stage.server, "--prometheus", counted.url)
    finally:
        restore()
        stage.server.ask("DELETE", ROLLOUT.replace("fraud", "ranking"))
    assert of(findings, "missing") == ["ingress/public: no pod with app=gateway is ready: it is starting"]


def test_a_host_in_the_mesh_needs_a_service(stage: Stage, counted: Scraped) -> None:
    """Its callers could not resolve it, however well it serves."""
    stage.rollout("ranking", gateway="mesh")
    try:
        _, before = examined(stage.server, "--prometheus", counted.url)
        stage.service("prod", "ranking")
        _, after = examined(stage.server, "--prometheus", counted.url)
    finally:
        stage.server.ask("DELETE", ROLLOUT.replace("fraud", "ranking"))
    words = "prod/ranking: there is no Service ranking in prod, so callers cannot resolve that host"
    assert of(before, "missing") == [words]
    assert of(after, "missing") == []
    assert "prod/ranking: Service ranking is there for callers to resolve" in of(after, "there")


def test_who_may_look_at_nothing_is_told_what_was_not_seen(stage: Stage, tmp_path: Any) -> None:
    token = signed_in(stage.server, "prod", "stranger", [])
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(stage.server.kubeconfig.read_text().replace(stage.server.token, token))
    code, findings = examined(stage.server, "--kubeconfig", str(kubeconfig))
    assert code == 3
    assert of(findings, "missing") == []
    assert len(of(findings, "unknown")) >= 5


def test_no_cluster_is_4(stage: Stage, tmp_path: Any) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(stage.server.kubeconfig.read_text().replace(stage.server.url, "https://127.0.0.1:1"))
    result = CliRunner().invoke(main, ["doctor", "--kubeconfig", str(kubeconfig)])
    assert result.exit_code == 4
    assert result.stderr.startswith("Error: cannot ask for /version: ")


def test_the_interval_of_scrapes_is_measured(stage: Stage, counted: Scraped) -> None:
    """However young a series is: two gaps are enough."""
    for _ in range(3):
        counted.wait_for_scrape()
    _, findings = examined(stage.server, "--prometheus", counted.url)
    assert "scraped every 1s: a bad version is out of traffic after 2s to 3s" in of(findings, "there")
