"""Route: where requests go, as ordered splits. The desired route, the live one and the stored one are of this type, so
that drift is ``live != desired``, whole.

A split says who it is for and how their requests are shared. The first split that matches a request wins; the last is
for everybody.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Self

from pydantic import AfterValidator, Field, PlainSerializer, model_validator

from modelrollout.api.base import StatusModel
from modelrollout.api.match import RequestMatch

EVERYBODY = "everybody"
"""The name of the last split."""

MATCHED = "matched"
"""The name of the split for the requests of ``spec.traffic.match``."""

PREVIEW = "preview"
"""The name of a split that is no user's: those who ask for it by a header see a version before anybody else does."""

RESERVED = (EVERYBODY, MATCHED, PREVIEW)
"""Names of splits that are no segment's."""


def to_hundredths(share: float) -> float:
    """A share as it is written: in hundredths of a percent at the finest, and whole where it is whole, so that what is
    stored and said of it is 50 and not 50.0."""
    fine = round(share, 2)
    return int(fine) if fine == int(fine) else fine


Share = Annotated[float, AfterValidator(to_hundredths), PlainSerializer(lambda share: share)]
"""Percent of some requests, in hundredths at the finest."""

Percent = Annotated[Share, Field(ge=0.01, le=100)]
"""The same where a version has any."""


class Split(StatusModel):
    """Some requests and the versions that share them: percents by version, in hundredths at the finest, without zeros,
    summing to 100.

    ``who`` are alternatives, any one of which must match a request; none: everybody.
    """

    name: str
    shares: dict[str, Percent]
    who: tuple[RequestMatch, ...] = ()

    @model_validator(mode="after")
    def _sums_to_100(self) -> Self:
        if (total := to_hundredths(sum(self.shares.values()))) != 100:
            raise ValueError(f"the shares of split {self.name} sum to {total}, not to 100")
        return self

    @property
    def is_preview(self) -> bool:
        """Whether these are no user's requests."""
        return self.name == PREVIEW

    @property
    def is_shared(self) -> bool:
        """Whether several versions answer the same requests, so that they can be compared."""
        return len(self.shares) > 1

    def share(self, version: str) -> float:
        """Percent of these requests that a version gets."""
        return self.shares.get(version, 0)

    def without(self, version: str, control: str) -> Split:
        """The same with what a version has given to the control."""
        return self.model_copy(update={"shares": moved(self.shares, version, control)})

    def limited(self, version: str, most: float, control: str) -> Split:
        """The same where a version has at most so many percent; the control gets the rest."""
        given = max(0, self.share(version) - most)
        shares = self.shares | {version: most, control: to_hundredths(self.share(control) + given)}
        shares = shares if given else self.shares
        return self.model_copy(update={"shares": shares})


class Route(StatusModel):
    """The ordered splits of one rollout."""

    splits: tuple[Split, ...]

    @model_validator(mode="after")
    def _ends_with_everybody(self) -> Self:
        names = [split.name for split in self.splits]
        if not self.splits or self.splits[-1].who or self.splits[-1].name != EVERYBODY:
            raise ValueError("the last split of a route must be for everybody")
        if len(set(names)) != len(names):
            raise ValueError(f"two splits of a route have the same name: {', '.join(names)}")
        return self

    @classmethod
    def to(cls, version: str) -> Self:
        """Everything to one version."""
        return cls(splits=(Split(name=EVERYBODY, shares={version: 100}),))

    @property
    def versions(self) -> frozenset[str]:
        """All versions that get requests from anybody."""
        return frozenset(version for split in self.splits for version in split.shares)

    @property
    def everybody(self) -> Split:
        """The last split."""
        return self.splits[-1]

    def split(self, name: str) -> Split | None:
        """The split of this name."""
        return next((split for split in self.splits if split.name == name), None)

    def share(self, version: str, split: str) -> float:
        """Percent that a version gets of the requests of one split."""
        found = self.split(split)
        return found.share(version) if found is not None else 0

    def largest_share(self, version: str) -> float:
        """The most that a version gets of any users' requests, percent."""
        return max(split.share(version) for split in self.splits if not split.is_preview)

    def without(self, version: str, control: str) -> Route:
        """The same with everything that a version has given to the control; splits that were for it alone go."""
        kept = (split for split in self.splits if split.name == EVERYBODY or split.shares != {version: 100})
        return Route(splits=tuple(split.without(version, control) for split in kept))

    def limited(self, version: str, most: float, control: str) -> Route:
        """The same where a version has at most so many percent of anybody's requests; the control gets the rest. What
        was for the version alone, by its header, stays so."""
        return Route(
            splits=tuple(split if split.is_preview else split.limited(version, most, control) for split in self.splits)
        )

    def rises(self, before: Route | None) -> Iterator[tuple[str, str]]:
        """Every split and version whose share is larger than it was before: (split, version)."""
        for split in self.splits:
            for version, share in split.shares.items():
                if share > (before.share(version, split.name) if before is not None else 0):
                    yield split.name, version


def moved(shares: Mapping[str, float], version: str, to: str) -> dict[str, float]:
    """Shares with what one version has given to another."""
    rest = {name: share for name, share in shares.items() if name != version}
    given = shares.get(version, 0)
    return rest | {to: to_hundredths(rest.get(to, 0) + given)} if given else rest
