"""Model versions: ``MAJOR.MINOR.PIPELINE``.

MAJOR rises when the signature becomes incompatible, MINOR with the model's code or features, PIPELINE is the number
of the pipeline run that made it. TensorFlow Serving knows versions by one integer alone, so PIPELINE is that number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache, total_ordering

from modelrollout.api.rules import Form

VERSION_PATTERN = r"(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,17})"
VERSION = Form(VERSION_PATTERN, "version {} is not MAJOR.MINOR.PIPELINE; write for example 2.4.1187")


@total_ordering
@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One parsed version. Ordered by its numbers, not by its text."""

    major: int
    minor: int
    pipeline: int

    @classmethod
    @lru_cache(maxsize=4096)  # each pass asks about the same few again and again
    def parse(cls, text: str) -> ModelVersion:
        """Raises ValueError, with the way out, when the text is not three numbers."""
        major, minor, pipeline = (int(part) for part in VERSION.check(text).split("."))
        return cls(major, minor, pipeline)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.pipeline}"

    def __lt__(self, other: ModelVersion) -> bool:
        return (self.major, self.minor, self.pipeline) < (other.major, other.minor, other.pipeline)

    @property
    def serving_number(self) -> int:
        """The integer that TensorFlow Serving serves it under (the name of the version directory)."""
        return self.pipeline

    @property
    def slug(self) -> str:
        """The version as a part of a Kubernetes name: ``2.4.1187`` -> ``2-4-1187``."""
        return f"{self.major}-{self.minor}-{self.pipeline}"
