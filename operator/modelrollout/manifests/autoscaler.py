"""HorizontalPodAutoscaler of one version, where ``spec.serving.autoscaling`` asks for one.

It scales a version by what that version does, so that an arm with a tenth of the requests can have a tenth of the pods.
Its lower bound is the plan's: the pods that a share needs before it rises, and those that the control had when the
trial began. Kubernetes keeps to it even where metrics are missing.
https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/
"""

from __future__ import annotations

from modelrollout.core.plan import DesiredVersion
from modelrollout.manifests.meta import Object, child_name, marked, metadata
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec


def horizontal_pod_autoscaler(rollout: ModelRollout, spec: Spec, version: DesiredVersion) -> Object | None:
    """The autoscaler of a version; None where nobody asked for one."""
    wanted, name = spec.serving.autoscaling, child_name(rollout.name, version.version)
    if wanted is None:
        return None
    scaling: Object = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
        "minReplicas": version.replicas,
        "maxReplicas": wanted.max,
    }
    if wanted.metrics:
        scaling["metrics"] = list(wanted.metrics)
    if wanted.behavior is not None:
        scaling["behavior"] = wanted.behavior
    return marked(
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": metadata(rollout, spec, name, version.version),
            "spec": scaling,
        }
    )
