"""A model that could not be fetched has never been anything: what the spec said of it may be put right."""

from __future__ import annotations

from dataclasses import replace

from modelrollout.core.plan import Reason
from tests.core.world import CANARY, World

NEW = "1.1.2"
RIGHT, TYPO = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def unfetched() -> World:
    """The digest that the spec declares is not that of the files."""
    world = World.of(CANARY).installed()
    world.autoload = False
    world.apply(version=NEW, digest=TYPO).run(5)
    words = f"the files have digest {RIGHT}, not {TYPO}"
    world.workloads[NEW] = replace(world.workloads[NEW], failure=words, unfetched=True)
    world.run(5)
    assert world.status.quarantined[0].reason == Reason.FETCH_FAILED
    world.workloads.pop(NEW)
    world.autoload = True
    return world.run(60)


def test_a_typo_in_a_digest_does_not_burn_the_version() -> None:
    world = unfetched()
    said = f"Correct spec.model or spec.serving, and {NEW} is tried again; or mend it in the cluster, and say "
    said += "modelrollout retry fraud -n prod"
    assert world.status.message.endswith(said)
    world.apply(digest=RIGHT).run(15)
    assert [arm.version for arm in world.status.arms] == [NEW], "no further word is needed"
    accepted = {item.type: item for item in world.status.conditions}["Accepted"]
    assert accepted.status == "True"
    world.run(120)
    assert world.status.stable is not None
    assert (world.status.stable.version, world.status.stable.digest) == (NEW, RIGHT)


def test_what_one_pod_had_fetched_stays_the_version() -> None:
    """Its second pod finds other files: that is no typo."""
    world = World.of(CANARY).installed()
    world.autoload = False
    world.apply(version=NEW).run(5)
    seen = replace(world.workloads[NEW], digests=(RIGHT,), failure="connection refused", unfetched=True)
    world.workloads[NEW] = seen
    world.run(5)
    assert world.status.quarantined[0].reason == Reason.FETCH_FAILED
    world.workloads.pop(NEW)
    world.run(30).apply(digest=TYPO).run(5)
    assert f"version {NEW} is already known with digest {RIGHT}" in world.status.message


def test_a_version_that_was_fetched_never_changes() -> None:
    world = World.of(CANARY).installed().apply(version=NEW).run(120)
    assert world.status.stable is not None
    assert world.status.stable.version == NEW
    world.apply(digest=TYPO).run(5)
    assert "already known with digest" in world.status.message


def store_away() -> World:
    """For as long as the fetcher may try."""
    world = World.of(CANARY).installed()
    world.autoload = False
    world.apply(version=NEW).run(5)
    words = "https://models.example.com/m.tar.gz cannot be fetched: Connection refused; tried 12 times in 108 s"
    world.workloads[NEW] = replace(
        world.workloads[NEW], digests=(), failure=words, of_model=True, unfetched=True, store_away=True
    )
    return world.run(5)


def test_a_store_that_is_away_is_no_fault_of_the_version() -> None:
    world = store_away()
    assert world.status.quarantined == ()
    assert [(item.version, item.reason) for item in world.status.taken_back] == [(NEW, Reason.FETCH_FAILED)]
    assert world.status.message.startswith(f"{NEW} was not released: it cannot be served: https://models.example.com/m")
    assert f"Correct spec.model or spec.serving, and {NEW} is tried again" in world.status.message
    accepted = {item.type: item for item in world.status.conditions}["Accepted"]
    assert (accepted.status, accepted.reason) == ("False", Reason.FETCH_FAILED), "its place may be mistyped"


def test_another_store_is_asked_without_a_further_word() -> None:
    world = store_away()
    world.autoload = True
    world.run(60)
    assert world.status.trial is None
    world.apply(uri="https://other.example.com/m.tar.gz").run(15)
    assert [arm.version for arm in world.status.arms] == [NEW]


def test_a_model_that_is_not_there_is_missing_until_the_spec_names_another_place() -> None:
    world = unfetched()
    found = {item.type: item for item in world.status.conditions}["ResolvedRefs"]
    assert (found.status, found.reason) == ("False", Reason.FETCH_FAILED)
    assert found.message.startswith(f'spec.model.uri "pvc://models/fraud/1": the files have digest {RIGHT}')
    world.apply(digest=RIGHT).run(15)
    assert {item.type: item.status for item in world.status.conditions}["ResolvedRefs"] == "True"
