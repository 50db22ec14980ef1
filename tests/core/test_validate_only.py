"""``spec.validateOnly``: a version is looked at and goes, whatever came of it, and nothing is ever routed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from modelrollout.api.status import Phase, Status, VersionStatus
from modelrollout.core.plan import Reason
from modelrollout.core.validate.probed import Probed
from tests.core.test_properties import SPECS
from tests.core.test_validation import RETYPED, ROWS, SAMPLES, WORDS, answered, condition, told
from tests.core.world import CANARY, PLAIN, World

NEW = "1.1.2"
BESIDE = Probed(PLAIN, PLAIN, control="1.0.1")
UNFIT = Probed(RETYPED, PLAIN, control="1.0.1")
UNKNOWN = Probed(PLAIN, control_unknown="ModelRollout fraud cannot be read: no answer in time")


def looking(
    probed: Probed | None, spec: str | dict[str, Any] = CANARY, against: str | None = "fraud", **validation: Any
) -> World:
    """A version whose validation is all that is wanted."""
    only = {"against": against} if against is not None else {}
    written = yaml.safe_load(spec) if isinstance(spec, str) else spec
    world = World(spec={**written, "validation": validation, "validateOnly": only})
    world.probed = probed
    return world.apply(version=NEW).run(20)


def nothing_is_left(world: World) -> None:
    assert all(plan.route is None for plan in world.plans)
    assert (world.status.stable, world.status.trial, world.route) == (None, None, None)


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_one_that_passes_is_removed_and_serves_nobody(kind: str) -> None:
    world = looking(BESIDE, SPECS[kind])
    nothing_is_left(world)
    assert world.workloads == {}
    assert world.status.phase is Phase.HEALTHY
    words = "signature: callers of 1.0.1 can call it"
    assert world.status.message == f"{NEW} passed its validation, and nothing is released: {words}"
    assert told(world.status) == ("True", "Validated", f"{NEW}: {words}")
    assert world.said(Reason.VALIDATED) == [f"{NEW} passed its validation: {words}"]
    assert [entry.outcome for entry in world.status.history] == ["Validated"]


def test_what_it_showed_can_still_be_read() -> None:
    world = looking(replace(answered(*ROWS), control="1.0.1"), samples={**SAMPLES, "agreement": {"withControl": 1}})
    assert world.status.last_validation is not None
    assert world.status.last_validation.version == NEW
    checks = [item.check for item in world.status.last_validation.checks]
    assert checks == ["signature", "answers", "form", "agreement", "sameTwice", "varied", "latency"]


def test_one_that_fails() -> None:
    world = looking(UNFIT)
    nothing_is_left(world)
    assert world.status.phase is Phase.DEGRADED
    assert world.status.message == f"{NEW} failed its validation: {WORDS}; no request reached it"
    assert told(world.status)[:2] == ("False", Reason.VALIDATION_FAILED)
    assert [item.version for item in world.status.quarantined] == [NEW]
    assert world.status.last_validation is not None
    assert [item.verdict for item in world.status.last_validation.checks] == ["Fail"]


def test_one_that_cannot_be_loaded() -> None:
    world = World(spec={**yaml.safe_load(CANARY), "validateOnly": {"against": "fraud"}})
    world.autoload = False
    world.step(1)
    world.step(1)
    world.workloads["1.0.1"] = replace(world.workloads["1.0.1"], failure="Data loss: not an sstable", of_model=True)
    world.run(5)
    nothing_is_left(world)
    assert world.status.message == "1.0.1 failed its validation: it cannot be served: Data loss: not an sstable"
    assert told(world.status)[:2] == ("False", Reason.LOAD_FAILED)


@pytest.mark.parametrize("signature", ["RequireMajorBump", "Report", "Ignore"])
def test_what_it_would_replace_is_not_known(signature: str) -> None:
    world = looking(UNKNOWN, signature=signature)
    assert world.status.phase is (Phase.VALIDATING if signature != "Ignore" else Phase.HEALTHY)
    if signature == "Ignore":
        return  # nothing is compared
    assert f"it is not known what it would replace: {UNKNOWN.control_unknown}" in world.status.message
    world.run(130)
    nothing_is_left(world)
    assert world.status.quarantined == ()
    assert told(world.status)[:2] == ("Unknown", Reason.VALIDATION_TIMEOUT)
    assert world.status.message.startswith(f"{NEW} could not be validated: not validated within loadTimeout 2m")
    world.configure(validateOnly={"against": "another"}).run(5)
    assert [arm.version for arm in world.status.arms] == [NEW], "the name of the rollout was corrected"


def test_where_nothing_serves_it_is_a_first_version() -> None:
    world = looking(Probed(RETYPED))
    assert told(world.status)[:2] == ("True", "Validated")
    world = looking(None, against=None)
    words = (
        f"{NEW} passed its validation, and nothing is released: it is loaded and ready; nothing else was asked of it"
    )
    assert world.status.message == words


def test_no_word_makes_a_release_of_it() -> None:
    world = looking(None)
    for verb in ("promote", "skip", "promote-full", "pause", "resume", "lower"):
        world.command = f"{verb} {NEW} t{verb} 50"
        world.run(10)
    world.probed = BESIDE
    world.run(20)
    nothing_is_left(world)
    assert world.status.phase is Phase.HEALTHY


def test_retry_looks_again() -> None:
    world = looking(UNFIT)
    world.probed, world.command = BESIDE, f"retry {NEW} t1"
    world.run(30)
    assert told(world.status)[:2] == ("True", "Validated")
    nothing_is_left(world)


def test_a_status_that_is_lost_looks_again() -> None:
    world = looking(None)
    world.status = Status()
    world.probed = BESIDE
    world.run(20)
    assert told(world.status)[:2] == ("True", "Validated")
    nothing_is_left(world)


def test_a_rollout_that_serves_does_not_become_one() -> None:
    world = World.of(CANARY).installed().configure(validateOnly={}).run(5)
    found = condition(world.status, "Accepted")
    assert found is not None
    assert (found.status, found.reason) == ("False", "InvalidSpec")
    assert found.message == "spec.validateOnly: 1.0.1 serves here; validate by a ModelRollout of another name"
    assert world.live == {"1.0.1": 100}
    assert isinstance(world.status.stable, VersionStatus)
