"""The gate before any traffic: for every strategy, in every phase, against every command."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest
import yaml

from modelrollout.api.base import clock_time, to_json
from modelrollout.api.route import Route
from modelrollout.api.signature import Signature, Signatures
from modelrollout.api.status import Condition, Phase, Status
from modelrollout.cli.countdown import countdowns
from modelrollout.core.decide import decide
from modelrollout.core.plan import Reason
from modelrollout.core.validate.answer import Answer
from modelrollout.core.validate.probed import Probed, Sent
from modelrollout.resource.rollout import parse_status
from tests.core.test_properties import SPECS
from tests.core.world import BLUE_GREEN, CANARY, GOOD, PLAIN, World, smoked

NEW = "1.1.2"
RETYPED: Signatures = {"serving_default": Signature(inputs={"x": "DT_FLOAT[?,4]"}, outputs={"y": "DT_INT64[?,3]"})}
UNFIT = Probed(RETYPED, PLAIN)
AWAY = Probed(None, PLAIN, "1.1.2 at 10.0.0.1:8500: UNAVAILABLE: connection refused")
WORDS = (
    "callers of 1.0.1 cannot call it: signature serving_default: output y has another type: it was DT_FLOAT[?,3] and "
    "is DT_INT64[?,3]; release it as 2.0.2 if that is meant, or export the signature as it was"
)
HELD = f"the signatures cannot be compared: {AWAY.unread}"


def required(text: str | dict[str, Any] = CANARY, **validation: Any) -> World:
    """The first version serves; what is next has to keep the signature."""
    spec = yaml.safe_load(text) if isinstance(text, str) else copy.deepcopy(text)
    world = World(spec=spec).installed()
    world.smoke = smoked()
    return world.configure(validation=validation)


def condition(status: Status, kind: str = "Validated") -> Condition | None:
    return next((item for item in status.conditions if item.type == kind), None)


def told(status: Status) -> tuple[str, str, str]:
    found = condition(status)
    assert found is not None, status.conditions
    return found.status, found.reason, found.message


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_what_is_not_known_holds_every_strategy_and_no_word_passes_it(kind: str) -> None:
    world = required(SPECS[kind])
    world.probed = AWAY
    world.apply(version=NEW).run(10)
    for verb in ("promote", "skip", "promote-full", "pause", "resume", "promote", "lower"):
        world.command = f"{verb} {','.join(arm.version for arm in world.status.arms) or NEW} t{verb}{world.now} 50"
        world.run(15)
        assert all(NEW not in plan.route.versions for plan in world.plans if plan.route is not None)
        if len(world.status.arms) == 1:
            assert world.status.phase is Phase.PAUSED if verb == "pause" else Phase.VALIDATING
    assert NEW not in [item.version for item in world.status.quarantined]
    if world.status.arm(NEW) is None:
        return  # the others' test was ended by a word, and the control or another one stays
    assert f"{NEW} is held before any traffic: {HELD}" in told(world.status)[2]
    assert told(world.status)[:2] == ("Unknown", Reason.VALIDATION_HELD)
    world.probed = GOOD
    world.run(30)
    assert [words for words in world.said(Reason.VALIDATED) if words.startswith(f"{NEW} may get requests")]
    assert world.status.arm(NEW) is None or NEW in (world.route or Route.to("nobody")).versions


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_a_version_that_is_not_fit_is_out_before_any_request(kind: str) -> None:
    world = required(SPECS[kind])
    world.probed = UNFIT
    world.apply(version=NEW).run(20)
    assert all(NEW not in plan.route.versions for plan in world.plans if plan.route is not None)
    assert NEW in [item.version for item in world.status.quarantined]
    failed = next(item for item in world.status.quarantined if item.version == NEW)
    assert (failed.reason, failed.message) == (Reason.VALIDATION_FAILED, f"{WORDS}; no request reached it")
    assert told(world.status)[:2] == ("False", Reason.VALIDATION_FAILED)
    assert f"{NEW} failed: {WORDS}; no request reached it" in world.said(Reason.VALIDATION_FAILED)


def test_retry_looks_again() -> None:
    world = required()
    world.probed = UNFIT
    world.apply(version=NEW).run(20)
    world.probed, world.command = GOOD, f"retry {NEW} t1"
    world.run(60)
    assert world.weight >= 10
    assert world.status.quarantined == ()
    assert told(world.status) == ("True", "Validated", f"{NEW}: signature: callers of 1.0.1 can call it")
    assert world.said(Reason.VALIDATED) == [f"{NEW} may get requests: signature: callers of 1.0.1 can call it"]


def test_a_higher_major_says_that_callers_have_to_change() -> None:
    world = required()
    world.probed = UNFIT
    world.apply(version="2.0.2").run(15)
    assert world.weight == 10


def test_without_validation_it_is_told_and_nothing_waits() -> None:
    world = World.of(CANARY).installed()
    world.probed = UNFIT
    world.apply(version=NEW).run(15)
    assert world.weight == 10
    status, reason, message = told(world.status)
    assert (status, reason) == ("True", "Reported")
    assert "output y has another type" in message
    assert [event.warning for event in world.events if event.reason is Reason.VALIDATED] == [True]


def test_without_validation_a_server_that_cannot_be_asked_holds_nobody() -> None:
    world = World.of(CANARY).installed()
    world.probed = AWAY
    world.apply(version=NEW).run(15)
    assert world.weight == 10
    assert told(world.status) == ("Unknown", "NotChecked", f"{NEW}: signature: {HELD}")


def test_what_is_not_known_for_as_long_as_a_load_may_take_is_taken_back_without_blame() -> None:
    world = required()
    world.probed = AWAY
    world.apply(version=NEW).run(100)
    assert world.status.phase is Phase.VALIDATING
    assert len(world.said(Reason.VALIDATION_HELD)) == 1
    world.run(40)
    assert world.status.quarantined == ()
    assert [item.reason for item in world.status.taken_back] == [Reason.VALIDATION_TIMEOUT]
    assert world.status.message.startswith(
        f"{NEW} was not released: not validated within loadTimeout 2m of being ready"
    )
    assert told(world.status)[:2] == ("Unknown", Reason.VALIDATION_TIMEOUT)
    world.probed, world.command = GOOD, f"retry {NEW} t1"
    world.run(30)
    assert world.weight == 10


UNSENT = Probed(PLAIN, PLAIN, unsent="ConfigMap samples is missing or empty")
BY_SAMPLES: dict[str, Any] = {"signature": "RequireMajorBump", "samples": {"configMap": "samples"}}


def unsent(kind: str) -> World:
    """The next version was taken back, for its samples are not there."""
    world = required(SPECS[kind], **BY_SAMPLES)
    world.probed = UNSENT
    limit = {**world.spec.get("serving", {}), "loadTimeout": "2m"}
    world.configure(serving=limit).apply(version=NEW).run(150)
    [taken] = [item for item in world.status.taken_back if item.version == NEW]
    assert "not validated within loadTimeout 2m" in taken.message
    return world


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_what_could_not_be_asked_is_tried_again_by_a_corrected_demand(kind: str) -> None:
    world = unsent(kind)
    world.configure(validation={**BY_SAMPLES, "samples": {"configMap": "samp"}}).run(10)
    assert NEW in [arm.version for arm in world.status.arms]
    assert "the spec was corrected" in world.said(Reason.RETRIED)[-1]
    assert NEW not in [item.version for item in world.status.withheld], "no word of the old name stays"


OTHER: dict[str, tuple[dict[str, Any], bool]] = {  # of the spec, and whether that is a correction
    "more time": ({"serving": {"drain": "10s", "loadTimeout": "5m"}}, True),
    "more pods": ({"serving": {"drain": "10s", "loadTimeout": "2m", "replicas": 4}}, False),
    "which specs are taken": ({"validation": {**BY_SAMPLES, "allowDowngrade": True}}, False),
    "how it is judged later": ({"analysis": {"metrics": [{"name": "latency", "over": "1s"}]}}, False),
}


@pytest.mark.parametrize(("parts", "begins"), OTHER.values(), ids=OTHER)
def test_by_what_it_was_not_asked_for_nothing_begins(parts: dict[str, Any], begins: bool) -> None:
    world = World.of(CANARY).installed().configure(validation=BY_SAMPLES)
    world.probed = UNSENT
    world.apply(version=NEW).run(150)
    assert f"Correct spec.validation, and {NEW} is tried again" in world.status.message
    world.workloads.pop(NEW, None)
    world.configure(**parts).run(10)
    assert (world.status.trial is not None) is begins


def test_a_pause_stops_that_clock() -> None:
    world = required()
    world.probed = AWAY
    world.apply(version=NEW).run(20)
    world.command = f"pause {NEW} t1"
    world.run(300)
    assert world.status.arms


def test_a_word_says_why_it_is_ignored() -> None:
    world = required()
    world.probed = AWAY
    world.apply(version=NEW).run(10)
    world.command = f"skip {NEW} t1"
    world.step(1)
    assert world.status.command_ignored == f"skip: {NEW} has not been validated yet; say it again when it has"


def test_a_server_that_has_not_answered_yet() -> None:
    world = required()
    world.probed = None
    world.apply(version=NEW).run(10)
    assert (world.status.phase, world.status.message) == (
        Phase.VALIDATING,
        f"{NEW} is being validated, before any traffic",
    )
    assert told(world.status)[:2] == ("Unknown", "Validating")


def test_the_first_version_is_compared_with_nothing_and_serves() -> None:
    world = World(spec={**yaml.safe_load(CANARY), "validation": {}})
    world.probed = AWAY
    assert world.installed().status.phase is Phase.HEALTHY
    assert condition(world.status) is None


def test_the_control_is_known_by_what_it_was_when_it_came() -> None:
    world = required()
    world.apply(version=NEW).run(300)
    assert world.status.stable is not None
    assert (world.status.stable.version, world.status.stable.signatures) == (NEW, PLAIN)
    world.probed = Probed(RETYPED)
    world.apply(version="1.2.3").run(15)
    assert [item.version for item in world.status.quarantined] == ["1.2.3"]


def test_signatures_that_would_fill_the_status_are_compared_and_not_kept() -> None:
    large = {"serving_default": Signature(inputs={f"x{number}": "DT_FLOAT[?]" for number in range(1000)})}
    world = required()
    world.probed = Probed(RETYPED | large, large)
    world.apply(version=NEW).run(15)
    assert world.status.stable is not None
    assert world.status.stable.signatures is None
    assert world.arm.signatures is None
    assert world.arm.validation.passed


@pytest.mark.parametrize("signature", ["RequireMajorBump", "Ignore"])
def test_settings_that_are_edited_meanwhile(signature: str) -> None:
    """Stricter ones look again at what has had no request; without any there is nothing to wait for."""
    world = World.of(BLUE_GREEN).installed()
    world.smoke = smoked()
    strategy = {"blueGreen": {"bake": "1m", "approval": True}}
    world.configure(strategy=strategy).apply(version=NEW).probed = UNFIT
    world.run(20)
    assert world.status.phase is Phase.AWAITING_APPROVAL
    world.configure(validation={"signature": signature}).run(10)
    assert [item.version for item in world.status.quarantined] == ([NEW] if signature != "Ignore" else [])


def test_an_arm_with_requests_is_past_the_gate() -> None:
    world = World.of(CANARY).installed()
    world.apply(version=NEW).run(15)
    world.probed = AWAY
    world.configure(validation={}).run(90)
    assert world.status.history[-1].outcome == "Promoted"


def test_a_status_that_is_lost_meanwhile_looks_again() -> None:
    world = required()
    world.probed = AWAY
    world.apply(version=NEW).run(10)
    world.status = Status()
    world.run(10)
    assert world.status.phase is Phase.VALIDATING
    assert world.weight == 0


def test_a_pass_that_is_killed_asks_again() -> None:
    world = required()
    world.probed = UNFIT
    world.apply(version=NEW)
    world.step(1)
    world.step(1)
    first = decide(world.rollout, world.observe())
    again = decide(world.rollout, world.observe())
    assert first == again
    assert parse_status(to_json(first.status)) == first.status


def test_an_arm_that_enters_a_test_waits_and_the_others_go_on() -> None:
    second = {"version": NEW, "uri": "pvc://models/fraud/2", "weight": 20}
    third = {"version": "1.2.3", "uri": "pvc://models/fraud/3", "weight": 10}
    test: dict[str, Any] = {"split": {"weight": 80, "versions": [second]}}
    world = required({**yaml.safe_load(CANARY), "strategy": test, "analysis": {"metrics": [{"name": "errors"}]}})
    world.run(20)
    assert world.live == {"1.0.1": 80, NEW: 20}
    world.probed = AWAY
    world.configure(strategy={"split": {"weight": 70, "versions": [second, third]}}).run(20)
    assert world.live == {"1.0.1": 80, NEW: 20}
    world.probed = GOOD
    world.run(20)
    assert world.live == {"1.0.1": 70, NEW: 20, "1.2.3": 10}


REFUSED = (
    "spec.model.version: 1.0.0 is below 1.0.1, which serves, and never served here; release the model as a higher "
    "version, or set spec.validation.allowDowngrade to true"
)


def test_a_version_below_the_one_that_serves_is_refused() -> None:
    world = World.of(CANARY).installed().apply(version="1.0.0").run(10)
    found = condition(world.status, "Accepted")
    assert found is not None
    assert (found.status, found.reason, found.message) == ("False", "Downgrade", REFUSED)
    assert world.status.trial is None
    world.configure(validation={"allowDowngrade": True}).run(15)
    assert world.weight == 10


LOWER_RUN = (
    "spec.model.version: PIPELINE 1 of 2.0.1 is below that of 1.1.2, which serves: the run is an older one; release "
    "the model as a higher version, or set spec.validation.allowDowngrade to true"
)


def test_an_earlier_run_under_a_higher_name_is_refused() -> None:
    world = World.of(CANARY).installed().apply(version=NEW).run(300)
    world.apply(version="2.0.1").run(10)
    found = condition(world.status, "Accepted")
    assert found is not None
    assert (found.status, found.reason, found.message) == ("False", "Downgrade", LOWER_RUN)
    world.configure(validation={"allowDowngrade": True, "signature": "Ignore"}).run(15)
    assert world.weight == 10


def test_minor_begins_anew_with_a_higher_major() -> None:
    world = World.of(CANARY).installed().apply(version=NEW).run(300)
    world.apply(version="2.0.3").run(15)
    assert world.weight == 10


def test_a_number_is_never_used_twice_though_its_history_is_forgotten() -> None:
    other = "sha256:" + "b" * 64
    world = World.of(CANARY).installed()
    for number in range(2, 30):
        world.workloads.pop(f"1.1.{number}", None)
        world.apply(version=f"1.1.{number}").run(5)
        world.command = f"abort-quarantine 1.1.{number} t{number}"
        world.run(10)
    world.run(700)
    remembered = {item.version for item in world.status.history} | {item.version for item in world.status.withheld}
    assert not {"1.1.2", "1.1.3"} & remembered
    world.apply(version="1.1.2", digest=other).run(5)
    found = condition(world.status, "Accepted")
    assert found is not None
    assert (found.status, found.reason) == ("False", "DigestChanged")
    assert f"version 1.1.2 is already known with digest sha256:{'a' * 64}, not {other}" in found.message
    world.spec["model"].pop("digest")
    world.apply(uri="pvc://models/fraud/other").run(5)
    wanted = next(item for item in world.plans[-1].versions if item.version == "1.1.2")
    assert (wanted.uri, wanted.digest) == ("pvc://models/fraud/other", "sha256:" + "a" * 64), "its pods take no other"


def test_what_could_not_be_fetched_is_no_identity() -> None:
    """The declared digest may have been the mistake, or the place."""
    world = World.of(CANARY).installed()
    world.autoload = False
    world.apply(version=NEW, digest="sha256:" + "b" * 64).run(5)
    broken = replace(world.workloads[NEW], failure="it has another digest", of_model=True, unfetched=True)
    world.workloads[NEW] = replace(broken, digests=())
    world.run(10)
    assert [item.reason for item in world.status.quarantined] == [Reason.FETCH_FAILED]
    assert [item.version for item in world.status.identities] == ["1.0.1"]


def test_who_goes_back_to_what_served_before_is_not_asked_why() -> None:
    world = World.of(CANARY).installed().apply(version=NEW).run(300)
    assert world.status.stable is not None
    assert world.status.stable.version == NEW
    world.apply(version="1.0.1").run(20)
    assert [arm.version for arm in world.status.arms] == ["1.0.1"]


def test_an_older_version_may_take_part_in_a_test() -> None:
    older = {"version": "1.0.1", "uri": "pvc://models/fraud/1", "weight": 50}
    split = {"split": {"weight": 50, "versions": [older]}}
    world = World.of(CANARY).installed()
    world.configure(strategy=split).apply(version="1.0.0").run(20)
    assert "1.0.0" in (world.live or {})


def test_an_arm_whose_pods_are_lost_while_it_is_validated_waits_for_them() -> None:
    world = required()
    world.probed = AWAY
    world.apply(version=NEW).run(10)
    world.workloads[NEW] = replace(world.workloads[NEW], ready=0)
    world.run(10)
    assert world.status.arms
    assert world.weight == 0


SAMPLES: dict[str, Any] = {"requests": [{"instances": [[1.0]]}, {"instances": [[2.0]]}]}
ROWS = ([0.1, 0.7, 0.2], [0.6, 0.3, 0.1])


def answered(*rows: Any, **more: Any) -> Probed:
    """Two servers of one signature, and what came of the samples."""
    answers = tuple(
        Answer(f"request {number}", 200, {"predictions": [row]}, 0.02) for number, row in enumerate(rows, 1)
    )
    requests = {f"request {number}": body for number, body in enumerate(SAMPLES["requests"], 1)}
    return Probed(PLAIN, PLAIN, requests=requests, sent=Sent(answers, answers, 0.5, answers), **more)


def test_samples_that_are_answered_well() -> None:
    world = required(samples=SAMPLES)
    world.probed = answered(*ROWS)
    world.apply(version=NEW).run(15)
    assert world.weight == 10
    assert [(row.check, row.verdict) for row in world.arm.validation.checks] == [
        ("signature", "Pass"),
        ("answers", "Pass"),
        ("form", "Pass"),
        ("sameTwice", "Pass"),
        ("varied", "Pass"),
        ("latency", "Pass"),
    ]
    assert told(world.status)[:2] == ("True", "Validated")


WRONG: dict[str, tuple[dict[str, Any], Probed, str]] = {
    "not finite": ({}, answered([0.1, float("nan"), 0.2], ROWS[1]), "no finite number"),
    "another form": ({}, answered([0.1], ROWS[1]), "not as the signature says"),
    "wrong numbers": (
        {"golden": {"answers": [{"predictions": [ROWS[0]]}, {"predictions": [ROWS[1]]}]}},
        answered(ROWS[1], ROWS[0], golden={f"request {n}": {"predictions": [row]} for n, row in enumerate(ROWS, 1)}),
        "2 of 2 samples are not answered as golden says",
    ),
    "constant": ({"varied": "Require"}, answered(ROWS[0], ROWS[0]), "answered the same"),
    "too slow": ({"maxLatency": "1ms"}, answered(*ROWS), "maxLatency is 1ms"),
}


@pytest.mark.parametrize(("more", "probed", "words"), WRONG.values(), ids=WRONG)
def test_samples_that_are_not(more: dict[str, Any], probed: Probed, words: str) -> None:
    world = required(samples={**SAMPLES, **more}, signature="Ignore")
    world.probed = probed
    world.apply(version=NEW).run(20)
    assert words in world.status.quarantined[0].message
    assert all(NEW not in plan.route.versions for plan in world.plans if plan.route is not None)


def test_samples_that_could_not_be_sent_are_no_failure() -> None:
    world = required(samples=SAMPLES)
    world.probed = Probed(PLAIN, PLAIN, unsent="ConfigMap bodies cannot be read: no answer in time")
    world.apply(version=NEW).run(60)
    assert world.status.phase is Phase.VALIDATING
    assert world.status.message.startswith(
        f"{NEW} is held before any traffic: the samples could not be sent: ConfigMap bodies cannot be read: "
        f"no answer in time; {NEW} fails at "
    )
    assert world.status.quarantined == ()


@pytest.mark.parametrize("kind", sorted(SPECS))
def test_who_is_held_is_told_until_when_and_counted_down(kind: str) -> None:
    world = required(SPECS[kind], samples={"configMap": "bodies"})
    world.probed = Probed(PLAIN, PLAIN, unsent="ConfigMap bodies is missing or empty")
    world.apply(version=NEW).run(20)
    arm = world.status.arm(NEW)
    assert arm is not None
    assert arm.fails_at is not None
    for words in (
        'the samples could not be sent: spec.validation.samples.configMap "bodies": ConfigMap bodies is missing',
        f"{NEW} fails at {clock_time(arm.fails_at)} (loadTimeout) unless that is corrected, in the spec or in the",
    ):
        assert words in world.status.message
    assert f"; {NEW} has 1m left" in countdowns(world.status, arm.fails_at - 60)
    world.run(arm.fails_at - world.now + 2)
    assert NEW in [item.version for item in world.status.taken_back]


def test_who_is_held_by_a_person_has_no_clock() -> None:
    world = required()
    world.probed = AWAY
    world.apply(version=NEW).run(20)
    world.command = f"pause {NEW} t1"
    world.run(5)
    assert "fails at" not in world.status.message
    assert world.arm.fails_at is None


def test_the_first_version_is_told_so_too() -> None:
    world = first_version(Probed(PLAIN, PLAIN, unsent="ConfigMap bodies is missing or empty"))
    assert "1.0.1 fails at " in world.status.message
    assert world.arm.fails_at is not None


def first_version(probed: Probed) -> World:
    """The first of all, of which samples are asked."""
    world = World(spec={**yaml.safe_load(CANARY), "validation": {"samples": SAMPLES}})
    world.probed = probed
    for _ in range(6):
        world.step(2.0)
    return world


def test_the_first_version_answers_samples_too() -> None:
    world = first_version(answered(*ROWS))
    assert world.status.phase is Phase.HEALTHY
    assert told(world.status)[:2] == ("True", "Validated")
    held = first_version(Probed(PLAIN, unsent="refused"))
    assert (held.status.phase, held.status.stable) == (Phase.VALIDATING, None)
    failed = first_version(answered([0.1], ROWS[1]))
    assert [item.reason for item in failed.status.quarantined] == [Reason.VALIDATION_FAILED]
    assert failed.status.stable is None
