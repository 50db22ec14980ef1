"""Renders a case: a ModelRollout, its versions and its route in, the objects out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from modelrollout.api.route import EVERYBODY, Route
from modelrollout.api.shadow import Shadow
from modelrollout.core.plan import DesiredComparer, DesiredVersion, Recovery
from modelrollout.core.progress.size import is_elastic
from modelrollout.manifests.autoscaler import horizontal_pod_autoscaler
from modelrollout.manifests.comparer import comparer_deployment, comparer_service
from modelrollout.manifests.istio import virtual_service
from modelrollout.manifests.kept import TEMPLATE_ANNOTATION
from modelrollout.manifests.meta import DESIRED_ANNOTATION
from modelrollout.manifests.platform import Platform
from modelrollout.manifests.serving import deployment, service
from modelrollout.resource.rollout import CLUSTER_DOMAIN, ModelRollout
from modelrollout.resource.spec import Spec

CASES = Path(__file__).parent / "cases"
FORMER_ROUTES = Path(__file__).parent / "former_routes"
FORMER_VERSION = Path(__file__).parent / "former_version.yaml"


def rollout_of(body: dict[str, Any], domain: str = CLUSTER_DOMAIN) -> tuple[ModelRollout, Spec]:
    """The rollout of a case, with a spec that is in order."""
    defaults = {"namespace": "prod", "uid": "0b7e-uid"}
    rollout = ModelRollout.from_json({**body, "metadata": {**defaults, **body["metadata"]}}, domain)
    assert isinstance(rollout.spec, Spec), rollout.spec
    return rollout, rollout.spec


def shadow_of(spec: Spec) -> Shadow:
    """What the spec of a case compares."""
    assert spec.asked_before_traffic.shadow is not None
    return spec.asked_before_traffic.shadow


def render(case: dict[str, Any], domain: str = CLUSTER_DOMAIN) -> list[dict[str, Any]]:
    """All objects that the case asks for, without the hashes, which no reader can check, and without their templates a
    second time."""
    rollout, spec = rollout_of(case["rollout"], domain)
    platform = Platform(**case.get("platform", {"fetch_image": "modelrollout:0.1.0"}))
    objects: list[dict[str, Any]] = []
    for item in case.get("versions", []):
        splits = tuple(item.get("splits", [EVERYBODY]))
        elastic, pods = is_elastic(spec.serving), item.get("replicas", 1)
        version = DesiredVersion(item["version"], item["uri"], item.get("digest"), pods, splits, elastic=elastic)
        objects.append(deployment(rollout, spec, version, platform))
        objects += filter(None, [horizontal_pod_autoscaler(rollout, spec, version)])
        objects += [service(rollout, spec, version, split) for split in splits]
    wanted = DesiredComparer(**case["comparer"] | {"settings": shadow_of(spec)}) if "comparer" in case else None
    if wanted is not None:
        objects += [comparer_deployment(rollout, spec, wanted, platform), comparer_service(rollout, spec)]
    if "route" in case:
        recovery = Recovery(**case["recovery"]) if "recovery" in case else None
        route = Route.model_validate(case["route"])
        objects.append(virtual_service(rollout, spec, route, recovery, case.get("epoch", 0), wanted))
    return [_without_hash(item) for item in objects]


def _without_hash(item: dict[str, Any]) -> dict[str, Any]:
    left_out = (DESIRED_ANNOTATION, TEMPLATE_ANNOTATION)
    annotations = {k: v for k, v in item["metadata"]["annotations"].items() if k not in left_out}
    described = {k: v for k, v in item["metadata"].items() if k != "annotations"}
    return {**item, "metadata": {**described, **({"annotations": annotations} if annotations else {})}}


def load(path: Path) -> list[dict[str, Any]]:
    """All documents of a YAML file."""
    return [item for item in yaml.safe_load_all(path.read_text()) if item is not None]


class _Plain(yaml.SafeDumper):
    """Writes every value out; what is shared in memory is not shared on paper."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def dump(objects: list[dict[str, Any]]) -> str:
    """Documents as a person writes them."""
    return yaml.dump_all(objects, Dumper=_Plain, sort_keys=False, width=120)


if __name__ == "__main__":  # writes out.yaml of every case anew; read the difference before you commit it
    for folder in sorted(CASES.iterdir()):
        (folder / "out.yaml").write_text(dump(render(load(folder / "in.yaml")[0])))
