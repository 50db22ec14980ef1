"""lint and pod templates: what it lets through the API server takes, what it refuses the API server refuses, too."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from modelrollout.cli.check_template import template_problems
from modelrollout.core.plan import DesiredVersion
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import deployment
from tests.apiserver import ApiServer
from tests.manifests.render import rollout_of

SERVING = "spec: {containers: [{name: serving, %s}]}"

GOOD = {
    "nothing": "{}",
    "another probe": SERVING % "readinessProbe: {httpGet: {path: /v1/models/fraud, port: 8501}}",
    "a probe more": SERVING % "livenessProbe: {grpc: {port: 8500}}",
    "another hook": SERVING % "lifecycle: {preStop: {sleep: {seconds: 15}}}",
    "a hook more": SERVING % "lifecycle: {postStart: {exec: {command: [/bin/true]}}}",
    "another source of our volume": "spec: {volumes: [{name: models, hostPath: {path: /mnt}}]}",
    "our volume in memory": "spec: {volumes: [{name: models, emptyDir: {medium: Memory, sizeLimit: 1Gi}}]}",
    "quantities without quotes": SERVING % "resources: {limits: {cpu: 2, memory: 4Gi}}",
    "a variable of a secret": SERVING % "env: [{name: A, valueFrom: {secretKeyRef: {name: s, key: k}}}]",
    "a side car": "spec: {containers: [{name: agent, image: agent, volumeMounts: [{name: models, mountPath: /m}]}]}",
    "an affinity": """
      spec:
        affinity:
          podAntiAffinity:
            requiredDuringSchedulingIgnoredDuringExecution:
            - {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {a: b}}}
          nodeAffinity:
            requiredDuringSchedulingIgnoredDuringExecution:
              nodeSelectorTerms: [{matchExpressions: [{key: gpu, operator: Exists}]}]
    """,
    "an annotation taken away": "metadata: {annotations: {prometheus.io/scrape: null}}",
}

BAD = {
    "an unknown field": (
        "spec: {nodeSelectors: {gpu: 'true'}}",
        "spec.serving.template.spec.nodeSelectors: is no field of a pod; did you mean nodeSelector?",
    ),
    "an unknown field deep down": (
        SERVING % "readinessProbe: {httpGet: {port: 1, url: /x}}",
        "spec.serving.template.spec.containers[0].readinessProbe.httpGet.url: is no field of a pod; remove it or",
    ),
    "a number where a text is": (
        "spec: {nodeSelector: {gpu: 1}}",
        "spec.serving.template.spec.nodeSelector.gpu: must be a string; put it in quotes (given: 1)",
    ),
    "a list where a text is": (
        SERVING % "image: [a]",
        "spec.serving.template.spec.containers[0].image: must be a string, not a list (given: ['a'])",
    ),
    "a text where a number is": (
        "spec: {terminationGracePeriodSeconds: '60'}",
        "spec.serving.template.spec.terminationGracePeriodSeconds: must be a whole number without quotes (given: '60')",
    ),
    "a text where a list is": (
        SERVING % "args: --flag",
        "spec.serving.template.spec.containers[0].args: must be a list (given: '--flag')",
    ),
    "two handlers": (
        SERVING % "readinessProbe: {exec: {command: [a]}, grpc: {port: 8500}}",
        "spec.serving.template.spec.containers[0].readinessProbe: takes one of exec and grpc, not both; keep one",
    ),
    "two sources": (
        "spec: {volumes: [{name: a, emptyDir: {}, hostPath: {path: /x}}]}",
        "spec.serving.template.spec.volumes[0]: takes one of emptyDir and hostPath, not both; keep one",
    ),
    "a value twice": (
        SERVING % "env: [{name: A, value: b, valueFrom: {fieldRef: {fieldPath: metadata.name}}}]",
        "spec.serving.template.spec.containers[0].env[0]: takes one of value and valueFrom, not both; keep one",
    ),
    "a side car without an image": (
        "spec: {containers: [{name: agent}]}",
        "spec.serving.template.spec.containers[0].image: is missing for container agent; serving is the operator's own",
    ),
    "a mount of nothing": (
        SERVING % "volumeMounts: [{name: ca, mountPath: /ca}]",
        "spec.serving.template.spec.containers[0].volumeMounts[0].name: there is no volume 'ca' in this pod; add it",
    ),
    "a volume without a source": (
        "spec: {volumes: [{name: ca, hostPath: null}, {name: b, emptyDir: {}}], containers: [{name: x, image: x}]}",
        "spec.serving.template.spec.volumes[0]: volume ca has no source; write for example emptyDir: {}",
    ),
}


@pytest.mark.parametrize("template", GOOD.values(), ids=GOOD.keys())
def test_is_let_through(template: str) -> None:
    assert list(template_problems(yaml.safe_load(template))) == []


@pytest.mark.parametrize(("template", "said"), BAD.values(), ids=BAD.keys())
def test_is_refused(template: str, said: str) -> None:
    [problem] = template_problems(yaml.safe_load(template))
    assert problem.startswith(said)


NOT_SURE = {"a volume without a source"}
"""Kubernetes makes an emptyDir of such a volume; whoever writes one has forgotten something."""

BOTH = [*((name, text, True) for name, text in GOOD.items()), *((name, text, False) for name, (text, _) in BAD.items())]


@pytest.mark.apiserver
@pytest.mark.parametrize(
    ("template", "taken"),
    [pytest.param(text, taken, id=name) for name, text, taken in BOTH if name not in NOT_SURE],
)
def test_the_api_server_says_the_same(api_server: ApiServer, template: str, taken: bool) -> None:
    """Of the whole Deployment, as the operator tries it: by server-side apply."""
    answer = api_server.apply("/apis/apps/v1/namespaces/default/deployments/fraud-1-0-1", made(template), dryRun="All")
    assert (answer.status < 300) is taken, answer.message


def made(template: str) -> dict[str, Any]:
    """The Deployment of a version with this template."""
    model = {"name": "fraud", "version": "1.0.1", "uri": "https://models.example.com/1.tar.gz"}
    spec = {
        "model": model,
        "serving": {"template": yaml.safe_load(template)},
        "traffic": {"hosts": ["fraud.prod"]},
        "strategy": {"blueGreen": {}},
    }
    rollout, parsed = rollout_of({"metadata": {"name": "fraud", "namespace": "default"}, "spec": spec})
    version = DesiredVersion("1.0.1", model["uri"], None, 1)
    found = deployment(rollout, parsed, version, Platform(fetch_image="modelrollout:0.1.0"))
    return {**found, "metadata": {key: value for key, value in found["metadata"].items() if key != "ownerReferences"}}
