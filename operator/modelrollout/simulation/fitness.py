"""What made-up servers say before any traffic: all versions have one signature, but for those that are ``unfit``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from modelrollout.api.signature import Signature, Signatures
from modelrollout.core.validate.probed import Probed

FIT: Signatures = {"serving_default": Signature(inputs={"x": "DT_FLOAT[?,4]"}, outputs={"y": "DT_FLOAT[?,3]"})}
UNFIT: Signatures = {"serving_default": Signature(inputs={"x": "DT_FLOAT[?,4]"})}


@dataclass(frozen=True, slots=True)
class Fitness:
    """``unfit`` are the versions that ``unfit`` of the traffic file names."""

    unfit: frozenset[str] = frozenset()

    def probe(self, versions: Sequence[str]) -> dict[str, Probed]:
        """What their servers and the control's said."""
        return {version: Probed(UNFIT if version in self.unfit else FIT, FIT) for version in versions}
