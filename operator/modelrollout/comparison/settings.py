"""How a comparer runs: what the options of ``modelrollout compare`` say."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from pydantic import ValidationError

from modelrollout.api.shadow import Shadow
from modelrollout.api.version import ModelVersion

_PLACE = re.compile(r"(?P<version>[^=]+)=(?P<host>[^:=\s]+)(:(?P<rest>[0-9]{1,5}):(?P<grpc>[0-9]{1,5}))?")
_LISTENS = ("listen", "listen_rest", "listen_grpc")


class BadSetting(ValueError):
    """An option that cannot be; the message names it, its value and what was expected."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the model servers of a version are."""

    host: str
    rest_port: int
    grpc_port: int


@dataclass(frozen=True, slots=True)
class Settings:
    """Of one trial. Times in seconds. Raises BadSetting."""

    namespace: str
    rollout: str
    trial: str
    control: str
    places: Mapping[str, Place]  # the control's, too
    shadow: Shadow = field(default_factory=Shadow)
    listen: str = "0.0.0.0:8080"
    listen_rest: str = "0.0.0.0:8501"
    listen_grpc: str = "0.0.0.0:8500"
    drain: float = 15.0  # at least the scrape interval, so that nothing is lost that was compared

    def __post_init__(self) -> None:
        if not self.arms:
            raise BadSetting("--arm: there is none but the control; write for example --arm 1.1.0=fraud-1-1-0")
        for name in _LISTENS:
            value = getattr(self, name)
            if not value.rpartition(":")[2].isdecimal():
                option = "--" + name.replace("_", "-")
                raise BadSetting(f"{option}: {value!r} has no port; write for example 0.0.0.0:8080")

    @property
    def arms(self) -> tuple[str, ...]:
        """All versions but the control."""
        return tuple(version for version in self.places if version != self.control)

    @classmethod
    def of_options(
        cls, control: str, arms: Sequence[str], ports: tuple[int, int], shadow: str | None, **rest: object
    ) -> Self:
        """From the options as they are written. ``ports``, of REST and gRPC, are for places without any. Raises
        BadSetting."""
        version, place = _place("--control", control, ports)
        places = {version: place}
        for arm in arms:
            name, there = _place("--arm", arm, ports)
            if name in places:
                raise BadSetting(f"--arm: version {name} is given twice")
            places[name] = there
        return cls(control=version, places=places, shadow=_shadow(shadow), **rest)  # type: ignore[arg-type]


def _place(option: str, text: str, ports: tuple[int, int]) -> tuple[str, Place]:
    found = _PLACE.fullmatch(text)
    if found is None:
        raise BadSetting(
            f"{option}: {text!r} is no version and host; write for example 1.1.0=fraud-1-1-0, or with the ports of "
            "REST and gRPC 1.1.0=fraud-1-1-0:8501:8500"
        )
    try:
        version = str(ModelVersion.parse(found["version"]))
    except ValueError as error:
        raise BadSetting(f"{option}: {error}") from error
    rest, grpc = (int(found["rest"]), int(found["grpc"])) if found["rest"] else ports
    for port in (rest, grpc):
        if not 1 <= port <= 65535:
            raise BadSetting(f"{option}: port {port} of {version} is none; write 1 to 65535")
    return version, Place(found["host"], rest, grpc)


def _shadow(text: str | None) -> Shadow:
    if not text:
        return Shadow()
    try:
        return Shadow.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "it"
        raise BadSetting(
            f"--settings: {place}: {first['msg']}; it is spec.validation.shadow in JSON, for example "
            '{"timeout": "2s", "noiseSample": 10}'
        ) from error
