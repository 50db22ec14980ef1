"""The providers of built-in metrics, one file each. A new one is one more file and one more entry here."""

from __future__ import annotations

from collections.abc import Mapping

from modelrollout.adapters.metrics.base import Provider
from modelrollout.adapters.metrics.envoy import ENVOY
from modelrollout.adapters.metrics.istio import ISTIO
from modelrollout.adapters.metrics.tensorflow_serving import TENSORFLOW_SERVING
from modelrollout.api.analysis import Provider as ProviderName

__all__ = ["PROVIDERS"]

PROVIDERS: Mapping[ProviderName, Provider] = {
    ProviderName.ISTIO: ISTIO,
    ProviderName.ENVOY: ENVOY,
    ProviderName.TENSORFLOW_SERVING: TENSORFLOW_SERVING,
}
