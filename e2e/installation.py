"""Brings everything that a release needs into a cluster: the models, both images, and the operator by its Helm chart.

What is installed is what users install: the chart with its own ServiceAccount, and the image of the project's
Dockerfile. Each part is skipped when it is there and nothing has changed.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from e2e.cluster import addresses, images, toolchain
from e2e.cluster.report import ClusterError, run, say
from e2e.cluster.target import Target, find_target

ROOT = Path(__file__).parent.parent
MODELS = ROOT / "build" / "models"
CHART = ROOT / "charts" / "modelrollout"
NAMESPACE = "modelrollout-system"
RELEASE = "modelrollout"
OPERATOR_IMAGE = "localhost/modelrollout/operator"
TAG = "stories"
SERVING_IMAGE = "localhost/modelrollout/tensorflow-serving-stand-in:1"
GATEWAY = "istio-system/modelrollout-gateway"
GATEWAY_URL_INSIDE = "http://istio-ingressgateway.istio-system"
MESH_URL_INSIDE = f"http://{addresses.BRIDGE_ADDRESS}:{addresses.MESH_PORT}"
SCRAPE_INTERVAL = "2s"


@dataclass(frozen=True, slots=True)
class Installation:
    """An operator that runs, and what it can serve. ``models_folder`` is the models' place on the nodes."""

    target: Target
    models_folder: Path
    serving_image: str
    gateway: str
    provider: str

    @property
    def models(self) -> str:
        """URI of the folder that holds the models."""
        return f"file://{self.models_folder}"


def install(target: Target) -> Installation:
    """Bring everything into the cluster. Raises ClusterError saying what failed.

    On a cluster elsewhere its nodes need the models in MODELROLLOUT_MODELS, a folder that `python -m e2e.models
    build` has filled; without that variable, at the same place as here (a mount into the nodes).
    """
    models = Path(os.environ.get("MODELROLLOUT_MODELS", MODELS)).absolute()
    # In a process of its own: TensorFlow is 560 MiB, and whoever speaks gRPC to model servers has only its name.
    run([sys.executable, "-m", "e2e.models", "build", "--out", str(MODELS)], cwd=ROOT)
    target.load_image(images.build(ROOT / "e2e" / "tensorflow_serving" / "Dockerfile", ROOT, SERVING_IMAGE, {}))
    target.load_image(images.build(ROOT / "Dockerfile", ROOT, f"{OPERATOR_IMAGE}:{TAG}", {}))
    provider = "envoy" if target.local else os.environ.get("MODELROLLOUT_PROVIDER", "istio")
    installation = Installation(target, models, SERVING_IMAGE, GATEWAY, provider)
    install_operator(installation)
    return installation


def install_operator(installation: Installation, replicas: int = 1, tag: str = TAG, chart: Path = CHART) -> None:
    """`helm upgrade --install`, and wait until the operator is ready."""
    target = installation.target
    values: dict[str, object] = {
        "replicas": replicas,
        "image": {"repository": OPERATOR_IMAGE, "tag": tag},
        # The tag stays the same whatever is in the image; this restarts the pods when that has changed.
        "podAnnotations": {"modelrollout.dev/image": images.image_id(f"{OPERATOR_IMAGE}:{tag}")},
        "prometheus": {"url": target.prometheus_url_inside, "scrapeInterval": SCRAPE_INTERVAL},
        "gateway": {"url": GATEWAY_URL_INSIDE},
        "fileRoot": str(installation.models_folder),
    }
    if chart == CHART:  # one of an older version knows no such values
        values["rewards"] = {"enabled": True}
        values["meshHash"] = {"headers": ["x-account"], "namespace": "istio-system"}
        values["mesh"] = {"proxyUrl": MESH_URL_INSIDE if target.local else ""}
    say("installing the operator by its chart ...")
    helm(target, "upgrade", "--install", RELEASE, str(chart), values=values)


def helm(target: Target, *arguments: str, values: dict[str, object] | None = None) -> None:
    """helm in the operator's namespace. ``values`` are handed over as JSON, which is YAML as well."""
    program = toolchain.toolchain().program("helm")
    command = [str(program), *arguments, "--namespace", NAMESPACE, "--kubeconfig", str(target.kubeconfig)]
    if values is not None:
        command += ["--create-namespace", "--wait", "--timeout", "120s", "--values", "-"]
    run(command, given=json.dumps(values) if values is not None else None)


def main() -> int:
    """`python -m e2e.installation`: into the cluster of KUBECONFIG, or the local one."""
    try:
        install(find_target())
    except ClusterError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
