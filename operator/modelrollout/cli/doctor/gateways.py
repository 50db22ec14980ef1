"""Gateways: whether those that the rollouts name are there, and let their hosts in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from modelrollout.cli.doctor.chart import mended
from modelrollout.cli.doctor.definitions import istiod
from modelrollout.cli.doctor.found import Finding, State
from modelrollout.cli.doctor.look import Body, Look, NotSeen
from modelrollout.cli.doctor.operator import Operator
from modelrollout.cli.doctor.unready import why
from modelrollout.manifests.gateways import named_gateways, shut_out
from modelrollout.resource.rollout import ModelRollout
from modelrollout.resource.spec import Spec
from modelrollout.runtime.pods import is_ready

AREA = "gateways"
GATEWAYS = "/apis/networking.istio.io/v1/gateways"


def gateways(look: Look, rollouts: Sequence[ModelRollout]) -> Iterator[Finding]:
    """Each gateway that a rollout names, or those that there are."""
    try:
        known = {f"{item['metadata']['namespace']}/{item['metadata']['name']}": item for item in look.all(GATEWAYS)}
        if not any(_named(rollout) for rollout in rollouts):
            yield _any(known)
        named = [(rollout, name) for rollout in rollouts for name in _named(rollout)]
        for rollout, name in named:
            yield from _of(rollout, name, known.get(name))
        for name in dict.fromkeys(name for _, name in named if name in known):  # once, however many rollouts name it
            yield from _workload(look, name, known[name])
    except NotSeen as error:
        yield Finding(AREA, State.UNKNOWN, f"they cannot be looked at: {error}", "ask somebody who may list gateways")


def _any(known: dict[str, Body]) -> Finding:
    if known:
        return Finding(AREA, State.THERE, f"no rollout names one; there are {', '.join(sorted(known))}")
    words = "there is none, and no rollout names one: the default is mesh, for callers with a side car"
    return Finding(AREA, State.THERE, words)


def _named(rollout: ModelRollout) -> list[str]:
    """The gateways of a rollout as NAMESPACE/NAME, without the mesh."""
    if not isinstance(rollout.spec, Spec):
        return []
    return named_gateways(rollout.spec.traffic, rollout.namespace)


def _of(rollout: ModelRollout, name: str, found: Body | None) -> Iterator[Finding]:
    namespace, _, short = name.partition("/")
    if found is None:
        words = f"{rollout.key} names the gateway {name}, which is not there: nobody reaches it"
        edit = f"kubectl edit modelrollout {rollout.name} -n {rollout.namespace}"
        way = f"{edit}, to correct spec.traffic.gateways; or make the Gateway (docs/install.md, Istio)"
        yield Finding(AREA, State.MISSING, words, way)
        return
    assert isinstance(rollout.spec, Spec)
    if out := shut_out(found, rollout.spec.traffic, rollout.namespace, rollout.cluster_domain):
        words = f"the gateway {name} does not let in {', '.join(out)} of {rollout.key}: callers get 404"
        yield Finding(AREA, State.MISSING, words, f"kubectl edit gateways.networking.istio.io {short} -n {namespace}")


def _workload(look: Look, name: str, gateway: Body) -> Iterator[Finding]:
    """The pods that are this gateway."""
    selector = ",".join(f"{key}={value}" for key, value in (gateway["spec"].get("selector") or {}).items())
    pods = look.all("/api/v1/pods", labelSelector=selector)
    ready, way = sum(is_ready(pod) for pod in pods), f"kubectl get pods -A -l {selector}"
    if ready:
        yield Finding(AREA, State.THERE, f"{name}: {ready} pods with {selector or 'any label'} are ready")
    elif pods:
        yield Finding(AREA, State.MISSING, f"{name}: no pod with {selector} is ready: {why(pods)}", way)
    elif istiod(look):
        yield Finding(AREA, State.MISSING, f"{name}: there is no pod with {selector}", way)
    else:  # Istio is run outside of the cluster, and so may its gateways be
        words = f"{name}: no pod has {selector}; a gateway outside of the cluster cannot be seen from here"
        yield Finding(AREA, State.DOUBTFUL, words, f"{way}, unless the gateway is run for you, as istiod is")


def smoke_address(look: Look, operator: Operator) -> Iterator[Finding]:
    """Whether smoke requests have somewhere to go: the Service that ``gateway.url`` names."""
    url = operator.settings.get("gateway_url", "")
    place = service_of(url)
    if place is None:
        yield Finding(
            AREA, State.DOUBTFUL, f"gateway.url {url} is no Service of this cluster, so it was not looked for"
        )
        return
    namespace, name = place
    try:
        found = look.one(f"/api/v1/namespaces/{namespace}/services/{name}")
    except NotSeen as error:
        yield Finding(
            AREA, State.UNKNOWN, f"gateway.url cannot be looked at: {error}", "ask somebody who may get services"
        )
        return
    if found is None:
        words = f"gateway.url {url} names a Service that is not there: smoke requests go nowhere"
        yield Finding(AREA, State.DOUBTFUL, words, mended(operator, "gateway.url=http://NAME.NAMESPACE"))
    else:
        yield Finding(AREA, State.THERE, f"gateway.url {url} is a Service of this cluster")


def smoke_proxy(operator: Operator, rollouts: Sequence[ModelRollout]) -> Iterator[Finding]:
    """Whether smoke requests of rollouts in the mesh alone have a proxy to go through."""
    if operator.settings.get("mesh_proxy_url"):
        return
    for rollout in rollouts:
        spec = rollout.spec
        if isinstance(spec, Spec) and not _named(rollout) and spec.strategy.chosen.smoke(spec.strategy.settings):
            words = f"{rollout.key} has smoke requests and is in the mesh alone; no proxy of the mesh is named for them"
            yield Finding(AREA, State.MISSING, f"{words}: the switch waits", mended(operator, "mesh.proxyUrl=URL"))


def service_of(url: str) -> tuple[str, str] | None:
    """Namespace and name of the Service that an address within the cluster names, or None."""
    name, _, rest = (urlsplit(url).hostname or "").partition(".")
    namespace, _, suffix = rest.partition(".")
    of_cluster = not suffix or suffix == "svc" or suffix.startswith("svc.")
    return (namespace, name) if namespace and of_cluster else None
