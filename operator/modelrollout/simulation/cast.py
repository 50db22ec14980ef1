"""Cast: which versions a simulated release is about."""

from __future__ import annotations

from dataclasses import dataclass

from modelrollout.resource.spec import Spec


@dataclass(frozen=True, slots=True)
class Cast:
    """``stable`` serves when the release begins; ``arms`` are released, the version of the spec's model first."""

    stable: str
    arms: tuple[str, ...]

    @classmethod
    def of(cls, spec: Spec, stable: str) -> Cast:
        """Every version that the strategy wants beside the one that serves."""
        models = spec.strategy.chosen.models(spec.strategy.settings, spec.model)
        return cls(stable, tuple(model.version for model in models if model.version != stable))

    @property
    def candidate(self) -> str:
        """The version of the spec's model."""
        return self.arms[0]

    @property
    def versions(self) -> tuple[str, ...]:
        """All of them, stable last."""
        return (*self.arms, self.stable)

    def named(self, role: str) -> str:
        """The version that a file calls ``stable`` or ``candidate``."""
        return self.stable if role == "stable" else self.candidate
