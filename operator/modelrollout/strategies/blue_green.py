"""Blue/green: green is checked at weight 0, then gets all requests in one switch; blue stays warm through the bake."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from modelrollout.api.bake import MOST_FOR_CONTROL, Bake, BakeField, watched
from modelrollout.api.base import SpecModel, StatusModel, Timestamp
from modelrollout.api.match import RequestMatch, StringMatch
from modelrollout.api.model import Model
from modelrollout.api.route import PREVIEW, Route, Split
from modelrollout.api.smoke import Smoke
from modelrollout.api.traffic import Header
from modelrollout.strategies.base import ArmView, Move, Outline, SmokeCheck, View
from modelrollout.strategies.shares import between

SWITCH, BAKE = "switch", "bake"
CONTROL_KEEPS = 0  # percent, in the bake: one switch of everything is what people choose blue/green for


class BlueGreen(SpecModel):
    """Green at weight 0, checked there, then one switch of all the traffic; blue stays warm until the bake ends."""

    preview: Header = Field(
        default=Header(name="x-model-preview", value="green"),
        description="Requests with this header reach green before the switch.",
    )
    smoke: Smoke | None = None
    approval: bool = Field(default=False, description="A person says promote before the switch.")
    bake: BakeField = Field(
        default=Bake(duration=600.0),
        description="Watch after the switch, with blue warm and the way back instant: a time, or {for: 10m, "
        "control: 5}. Default: 10m; without control stable keeps nothing.",
    )


class BlueGreenMemory(StatusModel):
    """How far a blue/green release is."""

    bake_until: Timestamp | None = None
    bake_for: float | None = None  # seconds, when it began
    approved_step: int | None = None  # that the switch had been approved, as operators up to 0.1 wrote it


class BlueGreenStrategy:
    """Smoke requests, then a person's word if wanted, then the switch."""

    name = "blueGreen"
    title = "one switch of all the requests"
    judges = True
    part_first = False
    competes = False
    settings = BlueGreen
    memory = BlueGreenMemory

    def models(self, settings: BlueGreen, model: Model) -> tuple[Model, ...]:
        """The spec's model."""
        return (model,)

    def seconds(self, settings: BlueGreen) -> float:
        """The bake."""
        return settings.bake.duration

    def smoke(self, settings: BlueGreen) -> SmokeCheck | None:
        """By the preview header."""
        return SmokeCheck(settings.smoke, settings.preview) if settings.smoke is not None else None

    def design(self, settings: BlueGreen) -> None:
        """No reward."""

    def outline(self, settings: BlueGreen, memory: BlueGreenMemory, arms: Sequence[ArmView]) -> Outline:
        """What green goes through: smoke requests and approval where wanted, the switch, the bake."""
        smoke = ["smoke requests"] if settings.smoke is not None else []
        approval = ["approval"] if settings.approval else []
        names = [*smoke, *approval, settings.bake.words(CONTROL_KEEPS)]
        until = memory.bake_until and settings.bake.over_at(memory.bake_until, memory.bake_for)
        began = until - settings.bake.duration if until is not None else None
        return Outline(names, self._at(names, smoke, memory, arms), len(names), began, until)

    def _at(self, names: Sequence[str], smoke: Sequence[str], memory: BlueGreenMemory, arms: Sequence[ArmView]) -> int:
        if memory.bake_until is not None:
            return len(names) - 1
        if not arms or not arms[0].ready:
            return -1
        return 1 if smoke and arms[0].smoke_passed and len(names) > 2 else 0

    def next(self, settings: BlueGreen, view: View[BlueGreenMemory]) -> Move[BlueGreenMemory]:
        """The preview, then the switch, then the end of the bake."""
        green = view.arms[0]
        if green.share >= 100 - MOST_FOR_CONTROL:
            return self._bake(settings, view)
        if settings.smoke is not None and not green.smoke_passed:
            if green.smoke_obstacle is not None:
                return self._preview(settings, view, f"smoke requests to green are held: {green.smoke_obstacle}")
            return self._preview(settings, view, "smoke requests to green are under way", under_way=True)
        approved = view.skip or view.approved == SWITCH or view.memory.approved_step is not None
        approved = approved or green.share > 0  # it was switched to, and lowered by a person
        if settings.approval and not approved:
            why = "the switch waits for approval: modelrollout promote"
            return self._preview(settings, view, why, step=SWITCH, approval=True)
        return self._switch(settings, view)

    def _preview(
        self, settings: BlueGreen, view: View[BlueGreenMemory], why: str, **fields: object
    ) -> Move[BlueGreenMemory]:
        """Requests with the header reach green, and users' none."""
        header = RequestMatch(headers={settings.preview.name: StringMatch(exact=settings.preview.value)})
        split = Split(name=PREVIEW, shares={view.arms[0].version: 100}, who=(header,))
        route = Route(splits=(split, *Route.to(view.control).splits))
        return Move(route, view.memory, why, **fields)  # type: ignore[arg-type]

    def _switch(self, settings: BlueGreen, view: View[BlueGreenMemory]) -> Move[BlueGreenMemory]:
        green = view.arms[0].version
        why = "green is ready" + (" and its smoke requests passed" if settings.smoke else "")
        if settings.bake.duration <= 0 and view.is_last:
            why += "; bake is 0, so none of its answers to users is judged"
        if settings.bake.duration <= 0 or not view.is_last:
            return Move(Route.to(green), view.memory, why, step=SWITCH, winner=green)
        until = view.now + settings.bake.duration
        memory = BlueGreenMemory(bake_until=until, bake_for=settings.bake.duration)
        share = 100 - settings.bake.control_keeps(CONTROL_KEEPS)
        return Move(between(view.control, {green: share}), memory, why, step=BAKE, until=until, watched=True)

    def _bake(self, settings: BlueGreen, view: View[BlueGreenMemory]) -> Move[BlueGreenMemory]:
        """Watched for a while; then the end. Where nothing is known of its clock, it begins now."""
        memory, share = view.memory, settings.bake.share_now(view.arms[0].share)
        if memory.bake_until is None:
            share = 100 - settings.bake.control_keeps(CONTROL_KEEPS)
            memory = BlueGreenMemory(bake_until=view.now + settings.bake.duration, bake_for=settings.bake.duration)
        assert memory.bake_until is not None
        until = settings.bake.over_at(memory.bake_until, memory.bake_for)
        if view.now >= until or view.approved == BAKE:
            return view.stay("the bake is over", winner=view.arms[0].version, step=BAKE, watched=True)
        green = view.arms[0]
        why = watched(view.control, 100 - share)
        route = between(view.control, {green.version: share})
        return Move(route, memory, why, step=BAKE, until=until, watched=True)
