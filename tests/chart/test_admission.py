"""What people may write into ModelRollouts, as a real API server checks it by the chart's policies."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from modelrollout.api.serving import Serving
from tests.apiserver import Answer, ApiServer
from tests.chart.chart import CHART, NAMESPACE, helm
from tests.kubernetes import Kubernetes

pytestmark = pytest.mark.apiserver

OURS = "/apis/modelrollout.dev/v1alpha1/namespaces"
COMMAND = "modelrollout.dev/command"
TEAM = "admission-team"
SECONDS = 60.0

# Who may what: [verbs, resources] of the group modelrollout.dev, and whether Deployments may be created.
PEOPLE: dict[str, tuple[list[tuple[list[str], list[str]]], bool]] = {
    "developer": (
        [(["get", "create", "update", "patch"], ["modelrollouts"]), (["update"], ["modelrollouts/approve"])],
        True,
    ),
    "data-scientist": ([(["get", "create", "update", "patch"], ["modelrollouts"])], False),
    "approver": ([(["get", "patch"], ["modelrollouts"]), (["update"], ["modelrollouts/approve"])], False),
    "pipeline": ([(["get", "patch"], ["modelrollouts"])], False),
}


@pytest.fixture(scope="module")
def server(kubernetes: Kubernetes) -> Iterator[ApiServer]:
    """With the policies in force, and with people in a namespace."""
    api_server = kubernetes.server
    api_server.apply(
        f"/api/v1/namespaces/{TEAM}", {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TEAM}}
    )
    for name in PEOPLE:
        _bind(api_server, name)
    values: dict[str, Any] = {
        "crds": {"install": False},
        "admission": {"images": ["tensorflow/serving:", "registry.example.com/"]},
    }
    where = ["--namespace", NAMESPACE]
    helm(api_server, "install", "guard", str(CHART), *where, "--create-namespace", "--skip-crds", values=values)
    end = time.monotonic() + SECONDS
    while (
        create(api_server, "developer", image="elsewhere/image:1", dry_run=True).status == 201
    ):  # until it is in force
        assert time.monotonic() < end
        time.sleep(0.2)
    yield api_server
    helm(api_server, "uninstall", "guard", *where)


def _bind(server: ApiServer, name: str) -> None:
    ours, deploys = PEOPLE[name]
    rules: list[dict[str, Any]] = [
        {"apiGroups": ["modelrollout.dev"], "resources": resources, "verbs": verbs} for verbs, resources in ours
    ]
    rules += [{"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["create"]}] if deploys else []
    rbac, described = "rbac.authorization.k8s.io", {"name": name, "namespace": TEAM}
    place = f"/apis/{rbac}/v1/namespaces/{TEAM}"
    role = {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": described, "rules": rules}
    server.apply(f"{place}/roles/{name}", role)
    subjects = [{"kind": "User", "name": name, "apiGroup": rbac}]
    binding = {"apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": described, "subjects": subjects}
    reference = {"roleRef": {"kind": "Role", "name": name, "apiGroup": rbac}}
    server.apply(f"{place}/rolebindings/{name}", binding | reference)


def create(
    server: ApiServer,
    user: str,
    *,
    name: str = "fraud",
    image: str | None = "tensorflow/serving:2.19.1",
    template: dict[str, Any] | None = None,
    dry_run: bool = False,
) -> Answer:
    """A new rollout by somebody."""
    serving = {"image": image, "template": template}
    body = {
        "apiVersion": "modelrollout.dev/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": name, "namespace": TEAM},
        "spec": {
            "model": {"name": "fraud", "version": "1.0.1", "uri": "https://models.example.com/1.tar.gz"},
            "serving": {field: value for field, value in serving.items() if value is not None},
            "traffic": {"hosts": [f"{name}.{TEAM}"]},
            "strategy": {"canary": {"steps": [{"setWeight": 10, "for": "1h"}]}},
        },
    }
    query = {"dryRun": "All"} if dry_run else {}
    return server.ask("POST", f"{OURS}/{TEAM}/modelrollouts", body, user=user, **query)


def patch(server: ApiServer, user: str, body: dict[str, Any], name: str = "fraud") -> Answer:
    """A change by somebody."""
    path = f"{OURS}/{TEAM}/modelrollouts/{name}"
    return server.ask("PATCH", path, body, content="application/merge-patch+json", user=user)


@pytest.fixture
def fraud(server: ApiServer) -> Iterator[ApiServer]:
    """A rollout with a template, which the developer has made."""
    template = {"spec": {"serviceAccountName": "models"}}
    answer = create(server, "developer", template=template)
    assert answer.status == 201, answer.message
    yield server
    patch(server, "developer", {"spec": {"deletionPolicy": None}})
    assert server.ask("DELETE", f"{OURS}/{TEAM}/modelrollouts/fraud").status == 200


PODS: dict[str, tuple[str, dict[str, Any] | None, str, str | None]] = {
    "who may create Deployments may say what pods are like": ("developer", {"spec": {"hostNetwork": True}}, "", None),
    "who may not may not": (
        "data-scientist",
        {"spec": {"hostNetwork": True}},
        "",
        "spec.serving.template: data-scientist may not create Deployments in admission-team",
    ),
    "without a template no other right is needed": ("data-scientist", None, "", None),
    "an image of this installation": ("data-scientist", None, "registry.example.com/serving:1", None),
    "another image": ("developer", None, "elsewhere/image:1", "this installation runs no image elsewhere/image:1"),
    "another image beside the server": (
        "developer",
        {"spec": {"containers": [{"name": "side", "image": "elsewhere/side:1"}]}},
        "",
        "runs no image elsewhere/side:1; images begin with tensorflow/serving: or registry.example.com/ here",
    ),
    "another image before the server": (
        "developer",
        {"spec": {"initContainers": [{"name": "first", "image": "elsewhere/first:1"}]}},
        "",
        "runs no image elsewhere/first:1",
    ),
    "another image as a volume, to be started from there": (
        "developer",
        {"spec": {"volumes": [{"name": "tools", "image": {"reference": "elsewhere/tools:1"}}]}},
        "",
        "runs no image elsewhere/tools:1",
    ),
    "volumes of other kinds": ("developer", {"spec": {"volumes": [{"name": "cache", "emptyDir": {}}]}}, "", None),
}


def without_image_until(server: ApiServer, *, allowed: bool) -> Answer:
    """A rollout that names no image, once a policy is in force, or no more."""
    end = time.monotonic() + SECONDS
    while ((answer := create(server, "developer", image=None, dry_run=True)).status == 201) is not allowed:
        assert time.monotonic() < end, answer.message
        time.sleep(0.2)
    return answer


def test_the_default_image_is_an_image_too(server: ApiServer) -> None:
    """Who mirrors everything wants nothing from elsewhere, also where a ModelRollout does not say what serves it."""
    values = {"crds": {"install": False}, "admission": {"images": ["registry.example.com/"]}}
    helm(server, "install", "mirror", str(CHART), "--namespace", NAMESPACE, "--skip-crds", values=values)
    try:
        answer = without_image_until(server, allowed=False)
        assert f"runs no image {Serving().image}; images begin with registry.example.com/ here" in answer.message
        assert create(server, "developer", image="registry.example.com/serving:1", dry_run=True).status == 201
    finally:
        helm(server, "uninstall", "mirror", "--namespace", NAMESPACE)
        without_image_until(server, allowed=True)


@pytest.mark.parametrize(("user", "template", "image", "refused"), PODS.values(), ids=PODS)
def test_what_runs_in_pods(
    server: ApiServer, user: str, template: dict[str, Any] | None, image: str, refused: str | None
) -> None:
    chosen = {"image": image} if image else {}
    answer = create(server, user, name="other", template=template, dry_run=True, **chosen)
    assert_answer(answer, 201, refused)


CHANGES: dict[str, tuple[str, dict[str, Any], str | None]] = {
    "a new version under a template of somebody else's": (
        "data-scientist",
        {"spec": {"model": {"version": "1.0.2"}}},
        None,
    ),
    "the template itself": (
        "data-scientist",
        {"spec": {"serving": {"template": {"spec": {"hostPID": True}}}}},
        "data-scientist may not create Deployments",
    ),
    "the template taken away": (
        "data-scientist",
        {"spec": {"serving": {"template": None}}},
        "data-scientist may not create Deployments",
    ),
    "another image under a template of somebody else's": (
        "data-scientist",
        {"spec": {"serving": {"image": "registry.example.com/mine:1"}}},
        "spec.serving.image: data-scientist may not create Deployments in admission-team, so may not say what runs",
    ),
    "another image by who may create Deployments": (
        "developer",
        {"spec": {"serving": {"image": "registry.example.com/mine:1"}}},
        None,
    ),
    "more pods under a template of somebody else's": ("data-scientist", {"spec": {"serving": {"replicas": 3}}}, None),
    "an approver's edit": (
        "approver",
        {"spec": {"model": {"version": "1.0.2"}}},
        "approver may only give commands to ModelRollouts in admission-team",
    ),
    "an approver's label": ("approver", {"metadata": {"labels": {"team": "x"}}}, "approver may only give commands"),
    "an approver's other annotation": (
        "approver",
        {"metadata": {"annotations": {"note": "x"}}},
        "approver may only give commands",
    ),
    "a finalizer of an approver's": (
        "approver",
        {"metadata": {"finalizers": ["example.com/mine"]}},
        "approver may only give commands",
    ),
    "who may patch and not approve edits as before": ("pipeline", {"spec": {"model": {"version": "1.0.2"}}}, None),
}


@pytest.mark.parametrize(("user", "body", "refused"), CHANGES.values(), ids=CHANGES)
def test_what_is_changed(fraud: ApiServer, user: str, body: dict[str, Any], refused: str | None) -> None:
    assert_answer(patch(fraud, user, body), 200, refused)


COMMANDS: dict[str, tuple[str, str, str | None]] = {
    "promote by an approver": ("approver", "promote 1.0.2 t1;by=approver", None),
    "promote without a name": ("approver", "promote 1.0.2", None),
    "promote in another's name": (
        "approver",
        "promote 1.0.2 t1;by=developer",
        "it says that developer gave it, and this is approver",
    ),
    "abort in another's name": ("pipeline", "abort 1.0.2 t1;by=developer", "it says that developer gave it"),
    "two names": (
        "approver",
        "promote 1.0.2 t1;by=approver;by=developer",
        "it says that approver;by=developer gave it",
    ),
    "promote without the right": (
        "data-scientist",
        "promote 1.0.2 t1",
        "data-scientist may not say promote to ModelRollouts in admission-team",
    ),
    "skip without the right": ("pipeline", "skip 1.0.2 t1", "may not say skip"),
    "promote --full without the right": ("pipeline", "promote-full 1.0.2 t1", "may not say promote-full"),
    "abort takes no right of its own": ("pipeline", "abort 1.0.2 t1;by=pipeline it is wrong", None),
    "a note may have any words": ("developer", "abort 1.0.2 t1 Übung;by=x", None),
    "white space that would be read otherwise": ("pipeline", "\u00a0promote 1.0.2", "is VERB VERSION TOKEN NOTE"),
    "a tab": ("pipeline", "promote\t1.0.2", "is VERB VERSION TOKEN NOTE"),
    "a name behind white space of another kind": (
        "pipeline",
        "abort 1.0.2 t\u2003;by=developer",
        "is VERB VERSION TOKEN NOTE",
    ),
    "a name behind a vertical tab, which is no white space to the API server": (
        "approver",
        "promote 1.0.2 \v t;by=developer",
        "is VERB VERSION TOKEN NOTE",
    ),
    "a version that hides a token": ("pipeline", "abort 1.0.2\u00a0t;by=developer x", "is VERB VERSION TOKEN NOTE"),
    "two lines": ("pipeline", "abort 1.0.2 t1 one\ntwo", "is VERB VERSION TOKEN NOTE"),
}


@pytest.mark.parametrize(("user", "command", "refused"), COMMANDS.values(), ids=COMMANDS)
def test_who_gives_a_command(fraud: ApiServer, user: str, command: str, refused: str | None) -> None:
    assert_answer(patch(fraud, user, {"metadata": {"annotations": {COMMAND: command}}}), 200, refused)


def test_a_command_that_stands_there_is_in_nobodys_way(fraud: ApiServer) -> None:
    given = {"metadata": {"annotations": {COMMAND: "promote 1.0.2 t1;by=developer"}}}
    assert_answer(patch(fraud, "developer", given), 200, None)
    assert_answer(patch(fraud, "data-scientist", {"spec": {"model": {"version": "1.0.3"}}}), 200, None)
    taken_away: dict[str, Any] = {"metadata": {"annotations": {COMMAND: None}}}
    assert_answer(patch(fraud, "pipeline", taken_away), 200, None)  # as the operator does


DELETED: dict[str, tuple[str | None, str | None, dict[str, Any], bool]] = {
    "what shall stay and is not in force yet": ("Orphan", "Delete", {}, True),
    "the same, by a policy that was never written": ("Orphan", None, {}, True),
    "what shall stay and is in force": ("Orphan", "Orphan", {}, False),
    "what shall stay, by kubectl": ("Orphan", "Delete", {"propagationPolicy": "Orphan"}, False),
    "what shall go": ("Delete", "Orphan", {}, False),
    "what says nothing": (None, None, {"propagationPolicy": "Background"}, False),
}


@pytest.mark.parametrize(("policy", "accepted", "options", "refused"), DELETED.values(), ids=DELETED)
def test_what_shall_stay_is_not_lost_to_a_deletion_at_once(
    fraud: ApiServer, policy: str | None, accepted: str | None, options: dict[str, Any], refused: bool
) -> None:
    _accept(fraud, {"deletionPolicy": accepted} if accepted else {})
    assert_answer(patch(fraud, "developer", {"spec": {"deletionPolicy": policy}}), 200, None)
    answer = fraud.ask("DELETE", f"{OURS}/{TEAM}/modelrollouts/fraud", {"dryRun": ["All"], **options})
    words = "spec.deletionPolicy: Orphan of fraud is not in force yet, and all that serves would go with it; try again"
    assert_answer(answer, 200, words if refused else None)


def test_what_was_never_accepted_has_nothing_to_lose(fraud: ApiServer) -> None:
    assert_answer(patch(fraud, "developer", {"spec": {"deletionPolicy": "Orphan"}}), 200, None)
    assert fraud.ask("DELETE", f"{OURS}/{TEAM}/modelrollouts/fraud", {"dryRun": ["All"]}).status == 200


def _accept(server: ApiServer, spec: dict[str, Any]) -> None:
    """As the operator writes it when everything is as the spec says."""
    path, body = f"{OURS}/{TEAM}/modelrollouts/fraud/status", {"status": {"acceptedSpec": {"x": "y", **spec}}}
    answer = server.ask("PATCH", path, body, content="application/merge-patch+json")
    assert answer.status == 200, answer.message


def assert_answer(answer: Answer, status: int, refused: str | None) -> None:
    if refused is None:
        assert answer.status == status, answer.message
    else:
        assert answer.status in (403, 422), answer.status
        assert refused in answer.message
