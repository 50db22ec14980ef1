"""What made-up servers say before any traffic: all that is asked for is well, but for versions that are ``unfit``."""

from __future__ import annotations

from dataclasses import dataclass, replace

from modelrollout.api.samples import Samples
from modelrollout.api.signature import Signature, Signatures
from modelrollout.core.plan import Questions
from modelrollout.core.validate.answer import Answer
from modelrollout.core.validate.probed import Probed, Sent

FIT: Signatures = {"serving_default": Signature(inputs={"x": "DT_FLOAT[?,4]"}, outputs={"y": "DT_FLOAT[...]"})}
UNFIT: Signatures = {"serving_default": Signature(inputs={"x": "DT_FLOAT[?,4]"})}


@dataclass(frozen=True, slots=True)
class Fitness:
    """``unfit`` are the versions that ``unfit`` of the traffic file names."""

    unfit: frozenset[str] = frozenset()

    def probe(self, asked: Questions) -> dict[str, Probed]:
        """What the servers of the arms that are to be validated said, and the control's."""
        samples = asked.spec.asked_before_traffic.samples if asked.spec is not None else None
        return {version: self._of(version, samples) for version in asked.validation}

    def _of(self, version: str, samples: Samples | None) -> Probed:
        fit = version not in self.unfit
        probed = Probed(FIT if fit else UNFIT, FIT)
        return probed if samples is None else answered(probed, samples, 0 if fit else None)


def answered(probed: Probed, samples: Samples, failed: int | None) -> Probed:
    """Each sample with what is right: its golden answer where the spec has one, else its number; but not the first
    ``failed`` of them, None: not any."""
    golden = samples.golden.answers if samples.golden is not None else ()
    requests = {f"request {number}": body for number, body in enumerate(samples.requests or ({},), 1)}
    right = {
        name: golden[number] if golden else {"predictions": [float(number)]} for number, name in enumerate(requests)
    }
    answers = tuple(Answer(name, 200, value) for name, value in right.items())
    wrong = tuple(Answer(name, 500, problem="status 500: made up") for name in right)
    given = wrong if failed is None else (*wrong[:failed], *answers[failed:])
    return replace(probed, requests=requests, golden=right, sent=Sent(given, given, None, answers))
