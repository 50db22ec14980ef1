"""Objects of others in the namespace of a rollout, whatever they say they are."""

from __future__ import annotations

from typing import Any

import pytest

from modelrollout.adapters.cluster import DEPLOYMENTS, PODS
from modelrollout.manifests.meta import OWNER_LABEL, VERSION_LABEL
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Stage, play

pytestmark = pytest.mark.apiserver


def test_what_only_carries_the_labels_of_a_rollout_is_left_alone(kubernetes: Kubernetes) -> None:
    """Neither counted as a version of it, nor deleted with one, nor taken for its pods."""

    async def story(stage: Stage) -> None:
        await stage.installed()
        labels = {OWNER_LABEL: stage.name, VERSION_LABEL: "1.0.2"}
        theirs: dict[str, Any] = {"name": "payments", "namespace": stage.namespace, "labels": labels}
        container = {"name": "c", "image": "i"}
        template = {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        spec = {"selector": {"matchLabels": labels}, "template": template}
        body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": theirs, "spec": spec}
        await stage.cluster.create(DEPLOYMENTS, body)
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": theirs}
        await stage.cluster.create(PODS, {**pod, "spec": template["spec"]})
        crashing = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off"}}
        broken = {"name": "serving", "restartCount": 9, "image": "i", "imageID": "i", "ready": False, "state": crashing}
        await stage.cluster._apply(PODS, {**pod, "status": {"containerStatuses": [broken]}}, "kubelet", "status", True)
        await stage.submit("1.0.2")
        await stage.passes(2)
        await stage.pods_ready("1.0.2")
        await stage.passes(2)
        await stage.later(5)
        status = await stage.status()
        assert [(arm["ready"], arm.get("message")) for arm in status["trial"]["arms"]] == [("1/1", None)]
        assert not status.get("quarantined")
        await stage.command("abort")
        await stage.passes(2)
        await stage.later(3600)
        left = await stage.children()
        assert "deployments/payments" in left
        assert "deployments/fraud-1-0-2" not in left

    play(kubernetes, story)
