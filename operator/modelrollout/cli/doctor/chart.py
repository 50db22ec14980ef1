"""The commands of Helm that mend something: of the release that there is, or of a first one."""

from __future__ import annotations

from modelrollout.cli.doctor.operator import Operator

CHART = "charts/modelrollout"
IMAGE = ("image.repository=REGISTRY/modelrollout", "image.tag=VERSION")
"""Of every installation: nobody publishes the image, so the chart's own name of it cannot be pulled."""


def mended(operator: Operator | None, *settings: str) -> str:
    """An upgrade with these settings and all others as they were; where there is no operator, its installation."""
    if operator is None:
        return install()
    command = f"helm upgrade {operator.release} {CHART} -n {operator.namespace} --reuse-values"
    return " ".join([command, *(f"--set {setting}" for setting in settings)])


def install() -> str:
    """Of the first one. It changes nothing where there is one that was not seen."""
    command = f"helm install modelrollout {CHART} -n modelrollout-system --create-namespace"
    settings = " ".join(f"--set {setting}" for setting in IMAGE)
    return f"{command} {settings}, with the image that you pushed (docs/install.md)"
