"""Pods without a network until their side car has started, and the user that has one all the same.

Where Istio's CNI plugin is installed, all that a pod sends goes to its proxy from the first moment. A side car that is
an ordinary container is started after every init container, so the fetcher of a model would be refused for ever. The
proxy's own user is never redirected, which Istio names as the way out. Native side cars start before the fetcher, and
without the plugin the redirection begins after it: neither needs this.
https://istio.io/latest/docs/setup/additional-setup/cni/#compatibility-with-application-init-containers
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_PROXY = "istio-proxy"
_OF_THE_PLUGIN = "istio-validation"  # the init container that looks whether the plugin did its work
_PROXYS_USER = 1337  # unless a platform gives the proxy another one, as OpenShift does

Object = Mapping[str, Any]


def user_with_network(pods: Iterable[Object]) -> int | None:
    """The user by which a fetcher has a network in pods like these; None where every user has one."""
    return next((user for pod in pods if (user := _user(pod)) is not None), None)


def _user(pod: Object) -> int | None:
    spec = pod.get("spec", {})
    before = {item["name"] for item in spec.get("initContainers") or []}
    proxy = next((item for item in spec.get("containers") or [] if item["name"] == _PROXY), None)
    if proxy is None or _OF_THE_PLUGIN not in before:
        return None
    found = (proxy.get("securityContext") or {}).get("runAsUser", _PROXYS_USER)
    return found if isinstance(found, int) else _PROXYS_USER
