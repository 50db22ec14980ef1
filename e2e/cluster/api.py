"""Asks the cluster's programs whether they are ready, and its API server for single objects."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

from e2e.cluster import certificates
from e2e.cluster.addresses import Cluster

SECONDS = 3.0


def answers(url: str) -> bool:
    """Whether a health address answers 200. Certificates are not checked: nothing is said or learned."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with urllib.request.urlopen(url, timeout=SECONDS, context=context) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def get(cluster: Cluster, path: str) -> dict[str, Any] | None:
    """One object or list of the API server, with all rights; None when it does not exist or nothing answers."""
    pki = certificates.folder(cluster)
    context = ssl.create_default_context(cafile=str(pki / "ca.crt"))
    context.load_cert_chain(pki / f"{certificates.ADMIN}.crt", pki / f"{certificates.ADMIN}.key")
    try:
        with urllib.request.urlopen(cluster.api_url + path, timeout=SECONDS, context=context) as response:
            found: dict[str, Any] = json.load(response)
            return found
    except (urllib.error.URLError, OSError):
        return None


def node_ready(cluster: Cluster) -> bool:
    """Whether the node says that it takes pods."""
    node = get(cluster, f"/api/v1/nodes/{cluster.label}")
    conditions = (node or {}).get("status", {}).get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def gateway_listens(cluster: Cluster) -> bool:
    """Whether Envoy has got the gateway's listener from istiod: it answers anything at all, 404 included."""
    try:
        urllib.request.urlopen(cluster.gateway_url, timeout=SECONDS)
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, OSError):
        return False
    return True
