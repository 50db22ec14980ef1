"""What a spec names and is not there: said by its field and its value, with the way out, whoever noticed it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from modelrollout.api.base import clock_time
from modelrollout.api.status import Phase
from modelrollout.cli.besides import besides
from modelrollout.core.accept.references import images, references
from modelrollout.core.observation import FETCHING, Refusal
from modelrollout.core.plan import Reason
from modelrollout.resource.rollout import parse_spec
from modelrollout.resource.spec import Spec
from tests.core import phases
from tests.core.phases import NEW
from tests.core.world import CANARY, GOOD, World

TEMPLATE: dict[str, Any] = {
    "metadata": {"annotations": {"image": "none", "configMap": "none"}},
    "spec": {
        "serviceAccountName": "robot",
        "priorityClassName": "urgent",
        "runtimeClassName": "vm",
        "imagePullSecrets": [{"name": "registry"}, {"name": "other"}],
        "containers": [
            {
                "name": "side",
                "image": "side:1",
                "env": [
                    {"name": "A", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "a"}}},
                    {"name": "B", "valueFrom": {"configMapKeyRef": {"name": "more", "key": "a"}}},
                    {"name": "C", "valueFrom": {"configMapKeyRef": {"name": "more", "key": "b"}}},
                ],
                "envFrom": [{"configMapRef": {"name": "flags", "optional": True}}],
            }
        ],
        "volumes": [
            {"name": "a", "configMap": {"name": "features"}},
            {"name": "b", "secret": {"secretName": "tokens"}},
            {"name": "c", "persistentVolumeClaim": {"claimName": "cache"}},
            {"name": "d", "projected": {"sources": [{"secret": {"name": "both"}}]}},
            {"name": "e", "projected": {"sources": [{"configMap": {"name": "one"}}, {"configMap": {"name": "two"}}]}},
            {"name": "f", "secret": {"secretName": "items", "items": [{"key": "a"}, {"key": "zz"}]}},
            {
                "name": "g",
                "projected": {
                    "sources": [
                        {"configMap": {"name": "one", "items": [{"key": "a"}]}},
                        {"configMap": {"name": "more", "items": [{"key": "b"}]}},
                    ]
                },
            },
        ],
    },
}
SPEC = "spec.serving.template.spec"
FOUND = [
    ("PersistentVolumeClaim", "spec.model.uri", "pvc://models/fraud/1", False),
    ("ServiceAccount", f"{SPEC}.serviceAccountName", "robot", False),
    ("PriorityClass", f"{SPEC}.priorityClassName", "urgent", False),
    ("RuntimeClass", f"{SPEC}.runtimeClassName", "vm", False),
    ("Secret", f"{SPEC}.imagePullSecrets[0].name", "registry", False),
    ("Secret", f"{SPEC}.imagePullSecrets[1].name", "other", False),
    ("Secret", f"{SPEC}.containers[0].env[0].valueFrom.secretKeyRef.name", "keys", False),
    ("ConfigMap", f"{SPEC}.containers[0].env[1].valueFrom.configMapKeyRef.name", "more", False),
    ("ConfigMap", f"{SPEC}.containers[0].env[2].valueFrom.configMapKeyRef.name", "more", False),
    ("ConfigMap", f"{SPEC}.containers[0].envFrom[0].configMapRef.name", "flags", True),
    ("ConfigMap", f"{SPEC}.volumes[0].configMap.name", "features", False),
    ("Secret", f"{SPEC}.volumes[1].secret.secretName", "tokens", False),
    ("PersistentVolumeClaim", f"{SPEC}.volumes[2].persistentVolumeClaim.claimName", "cache", False),
    ("Secret", f"{SPEC}.volumes[3].projected.sources[0].secret.name", "both", False),
    ("ConfigMap", f"{SPEC}.volumes[4].projected.sources[0].configMap.name", "one", False),
    ("ConfigMap", f"{SPEC}.volumes[4].projected.sources[1].configMap.name", "two", False),
    ("Secret", f"{SPEC}.volumes[5].secret.secretName", "items", False),
    ("ConfigMap", f"{SPEC}.volumes[6].projected.sources[0].configMap.name", "one", False),
    ("ConfigMap", f"{SPEC}.volumes[6].projected.sources[1].configMap.name", "more", False),
]


def serving(**more: object) -> dict[str, object]:
    return {**World.of(CANARY).spec["serving"], "template": TEMPLATE, **more}


def test_every_field_that_names_an_object() -> None:
    spec = parse_spec({**World.of(CANARY).spec, "serving": serving()})
    assert isinstance(spec, Spec), spec
    assert [(item.kind, item.field, item.value, item.optional) for item in references(spec)] == FOUND
    assert dict(images(spec)) == {
        f"{SPEC}.containers[0].image": "side:1",
        "spec.serving.image": "tensorflow/serving:2.19.1",
    }


SAMPLES = {"configMap": "asked", "golden": {"configMap": "answers"}}
TWO = {"arms": [{"version": "1.2.3", "uri": "pvc://others/3"}], "minDuration": "1m", "maxDuration": "1h"}
CLICKS = {
    "name": "clicks",
    "role": "Reward",
    "successes": 'a{version="{{ version }}"}',
    "trials": 'b{version="{{ version }}"}',
}
ELSEWHERE: dict[str, tuple[dict[str, Any], list[tuple[str, str, str]]]] = {  # in the spec, and what is found
    "samples and their answers": (
        {"validation": {"samples": SAMPLES}},
        [
            ("ConfigMap", "spec.validation.samples.configMap", "asked"),
            ("ConfigMap", "spec.validation.samples.golden.configMap", "answers"),
        ],
    ),
    "smoke requests and their answers": (
        {"strategy": {"blueGreen": {"smoke": SAMPLES}}},
        [
            ("ConfigMap", "spec.strategy.blueGreen.smoke.configMap", "asked"),
            ("ConfigMap", "spec.strategy.blueGreen.smoke.golden.configMap", "answers"),
        ],
    ),
    "the Secret of a store": (
        {
            "model": {"name": "fraud", "version": "1.0.1", "uri": "https://a.b/1.tar.gz"},
            "serving": {"storeSecret": "s"},
        },
        [("Secret", "spec.serving.storeSecret", "s")],
    ),
    "the Secret of a store that is not asked": ({"serving": {"storeSecret": "s"}}, []),
    "a claim of another version of a test": (
        {"strategy": {"abTest": TWO}, "analysis": {"metrics": [{"name": "errors"}, CLICKS]}},
        [("PersistentVolumeClaim", "spec.strategy.abTest.arms[0].uri", "pvc://others/3")],
    ),
}


@pytest.mark.parametrize(("parts", "found"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_what_is_named_outside_of_the_template(parts: dict[str, Any], found: list[tuple[str, str, str]]) -> None:
    spec = parse_spec({**World.of(CANARY).spec, **parts})
    assert isinstance(spec, Spec), spec
    assert [(item.kind, item.field, item.value) for item in references(spec) if item.field != "spec.model.uri"] == found


MAKE = "; make it, or correct the field"
SAID: dict[str, tuple[str, str | None]] = {  # Kubernetes' words, and what becomes of them
    "a volume": (
        'its pods are starting: FailedMount: MountVolume.SetUp failed for volume "a" : configmap "features" not found',
        f'{SPEC}.volumes[0].configMap.name "features": there is no ConfigMap features in prod{MAKE}',
    ),
    "a variable": (
        'container side: CreateContainerConfigError: secret "keys" not found',
        f'{SPEC}.containers[0].env[0].valueFrom.secretKeyRef.name "keys": there is no Secret keys in prod{MAKE}',
    ),
    "a key": (
        "container side: CreateContainerConfigError: couldn't find key a in Secret prod/keys",
        f'{SPEC}.containers[0].env[0].valueFrom.secretKeyRef.key "a": Secret keys in prod has no key a; add it, or '
        "correct the field",
    ),
    "another key of it": (
        "container side: CreateContainerConfigError: couldn't find key b in ConfigMap prod/more",
        f'{SPEC}.containers[0].env[2].valueFrom.configMapKeyRef.key "b": ConfigMap more in prod has no key b; add it, '
        "or correct the field",
    ),
    "a key that no field names": (
        "container side: CreateContainerConfigError: couldn't find key c in Secret prod/keys",
        None,
    ),
    "a key among the items of a volume": (
        'its pods are starting: FailedMount: MountVolume.SetUp failed for volume "f" : references non-existent secret '
        "key: zz",
        f'{SPEC}.volumes[5].secret.items[1].key "zz": Secret items in prod has no key zz; add it, or correct the field',
    ),
    "a key among the items of a volume of several": (
        'its pods are starting: FailedMount: MountVolume.SetUp failed for volume "g" : configmap references '
        "non-existent config key: b",
        f'{SPEC}.volumes[6].projected.sources[1].configMap.items[0].key "b": ConfigMap more in prod has no key b; add '
        "it, or correct the field",
    ),
    "the model's claim": (
        'no node for it: 0/1 nodes are available: persistentvolumeclaim "models" not found',
        f'spec.model.uri "pvc://models/fraud/2": there is no PersistentVolumeClaim models in prod{MAKE}',
    ),
    "a key in a volume": (
        'its pods are starting: FailedMount: MountVolume.SetUp failed for volume "a" : configmap references '
        "non-existent config key: model.conf",
        f'{SPEC}.volumes[0].configMap.name "features": ConfigMap features in prod has no key model.conf; add it, or '
        "correct the field",
    ),
    "a key in a volume from a Secret": (
        'its pods are starting: FailedMount: MountVolume.SetUp failed for volume "b" : references non-existent secret '
        "key: a",
        f'{SPEC}.volumes[1].secret.secretName "tokens": Secret tokens in prod has no key a; add it, or correct the '
        "field",
    ),
    "a key in a volume of several": (
        'FailedMount: MountVolume.SetUp failed for volume "e" : configmap references non-existent config key: a',
        None,
    ),
    "who the pods are": (
        'its pods cannot be created: pods "fraud-1-1-2-" is forbidden: error looking up service account prod/robot: '
        'serviceaccount "robot" not found',
        f'{SPEC}.serviceAccountName "robot": there is no ServiceAccount robot in prod{MAKE}',
    ),
    "a class of priority, which is the cluster's": (
        'its pods cannot be created: pods "fraud-1-1-2-" is forbidden: no PriorityClass with name urgent was found',
        f'{SPEC}.priorityClassName "urgent": there is no PriorityClass urgent{MAKE}',
    ),
    "a runtime class": (
        'its pods cannot be created: pods "a" is forbidden: pod rejected: RuntimeClass "vm" not found',
        f'{SPEC}.runtimeClassName "vm": there is no RuntimeClass vm{MAKE}',
    ),
    "the Secret of the registry": (
        'image "x:9" cannot be pulled: pull access denied; secret "registry" not found',
        f'{SPEC}.imagePullSecrets[0].name "registry": there is no Secret registry in prod{MAKE}',
    ),
    "the Secret of the registry, before it is tried": (
        "its pods are starting: FailedToRetrieveImagePullSecret: Unable to retrieve some image pull secrets "
        '(registry); attempting to pull the image may not succeed.; secret "registry" not found',
        f'{SPEC}.imagePullSecrets[0].name "registry": there is no Secret registry in prod{MAKE}',
    ),
    "two Secrets of the registry": (
        'image "x:9" cannot be pulled: denied; secret "other" not found; secret "registry" not found',
        f'{SPEC}.imagePullSecrets[0].name "registry": there is no Secret registry in prod{MAKE}; '
        f'{SPEC}.imagePullSecrets[1].name "other": there is no Secret other in prod{MAKE}',
    ),
    "the server's image": (
        'image "x:9" cannot be pulled: not found',
        'spec.serving.image "x:9" cannot be pulled: not found',
    ),
    "another image": (
        'image "side:1" cannot be pulled: not found',
        f'{SPEC}.containers[0].image "side:1" cannot be pulled: not found',
    ),
    "one that the spec does not name": ('secret "mesh" not found', None),
    "one whose name only begins so": ('secret "keys-of-others" not found', None),
    "an image that the spec does not name": ('image "proxy:1" cannot be pulled: not found', None),
    "something else": ("no node for it: 0/3 nodes are available", None),
}


def waiting(words: str) -> World:
    """A version of this spec does not come up."""
    world = phases.loading()
    world.configure(serving=serving(image="x:9")).apply(uri="pvc://models/fraud/2")
    world.workloads[NEW] = replace(world.workloads[NEW], waiting=words)
    world.step(1)
    return world


def resolved(world: World) -> tuple[str, str, str]:
    found = {item.type: item for item in world.status.conditions}["ResolvedRefs"]
    return found.status, found.reason, found.message


@pytest.mark.parametrize(("words", "said"), SAID.values(), ids=SAID)
def test_what_pods_wait_for_by_the_field_that_it_comes_of(words: str, said: str | None) -> None:
    world = waiting(words)
    if said is None:
        assert world.status.message == f"{NEW} is being fetched and loaded: {words}"
        assert resolved(world)[0] == "True"
        return
    assert world.status.message.startswith(f"{said}; ")
    assert resolved(world)[0::2] == ("False", said)
    assert len([event for event in world.events if said == event.message]) == 1
    world.workloads[NEW] = replace(world.workloads[NEW], waiting="the model is being loaded")
    world.step(1)
    assert resolved(world)[0] == "True"


def test_a_version_is_told_of_its_own_place_alone() -> None:
    """What serves may come from a claim that the newest spec does not name, and a correction of that mends nothing."""
    world = phases.loading()
    words = 'no node for it: persistentvolumeclaim "models" not found'
    world.workloads["1.0.1"] = replace(world.workloads["1.0.1"], ready=0, waiting=words)
    world.apply(uri="pvc://models/fraud/2").step(1)
    assert words in world.status.message
    assert "spec.model.uri" not in world.status.message


KEPT: dict[str, tuple[str, str]] = {
    "a volume": (
        SAID["a volume"][0],
        f'{SPEC}.volumes[0].configMap.name "features": there is no ConfigMap features in prod; make it',
    ),
    "a key in a volume": (
        SAID["a key in a volume"][0],
        f'{SPEC}.volumes[0].configMap.name "features": ConfigMap features in prod has no key model.conf; add it',
    ),
}


@pytest.mark.parametrize(("words", "said"), KEPT.values(), ids=KEPT)
def test_who_has_come_up_is_not_mended_by_a_correction(words: str, said: str) -> None:
    """Its pods stay as they were made; one of them was moved, and what it needs has been deleted meanwhile."""
    world = World.of(CANARY).configure(serving=serving(replicas=2)).installed()
    world.autoload = False
    world.workloads["1.0.1"] = replace(world.workloads["1.0.1"], ready=1, waiting=words)
    world.step(1)
    assert resolved(world)[2] == f"{said}: a corrected field holds for the next version"
    assert f"1 of 2 pods are ready: {said}: " in world.status.message


def test_the_clock_and_the_way_out_are_in_the_sentence() -> None:
    world = waiting('image "x:9" cannot be pulled: not found')
    assert world.arm.fails_at is not None
    at = clock_time(world.arm.fails_at)
    assert world.status.message == (
        f'spec.serving.image "x:9" cannot be pulled: not found; {NEW} fails at {at} (loadTimeout) unless that is '
        "corrected, in the spec or in the cluster; no new version is needed"
    )
    world.run(60)
    assert f"fails at {at}" in world.status.message, "it is a time of day, or each pass would write another one"


def test_it_is_in_the_sentence_while_a_person_holds_the_release_too() -> None:
    """The time to load runs on meanwhile."""
    world = phases.say(waiting('image "x:9" cannot be pulled: not found'), "pause")
    assert world.arm.fails_at is not None
    assert world.status.phase is Phase.PAUSED
    assert "paused by a person; modelrollout resume fraud -n prod goes on" in world.status.message
    assert "; spec.serving.image" in world.status.message
    assert f"{NEW} fails at {clock_time(world.arm.fails_at)} (loadTimeout)" in world.status.message


def test_a_refused_spec_is_told_of_with_its_version_in_the_status_and_in_the_event() -> None:
    """Kubernetes' list of Events has the object's name, and not which version was meant."""
    world = World.of(CANARY).installed()
    world.refusal = Refusal(Reason.REFERENCE_MISSING, 'spec.traffic.host "fraud" has no Service')
    world.apply(version=NEW).step(1)
    said = f'{NEW} is not released: spec.traffic.host "fraud" has no Service'
    assert world.status.message.startswith(said)
    assert world.said(Reason.REFERENCE_MISSING) == [said]


def test_a_fetch_that_takes_long_is_told_with_the_place_to_look_at_and_its_end() -> None:
    """What a fetcher meets is known to the operator only when it has ended."""
    world = waiting(FETCHING)
    world.workloads[NEW] = replace(world.workloads[NEW], at_work_since=world.now, misnamed=None)
    world.step(1)
    assert world.status.message == f"{NEW} is being fetched and loaded: {FETCHING}"
    world.run(40)
    assert world.arm.fails_at is None, "its own time has begun"
    assert world.status.message.startswith(
        f"{NEW} is being fetched and loaded: {FETCHING}; kubectl logs -n prod deployment/fraud-1-1-2 -c fetch says "
        "what it meets; it has until "
    )


def test_a_correction_has_all_the_time_to_load() -> None:
    """Made at the last moment it would fail by the clock of what was wrong, and not be tried again."""
    world = waiting('image "x:9" cannot be pulled: not found')
    ends = world.arm.fails_at
    assert ends is not None
    world.run(ends - world.now - 1, tick=1)
    world.configure(serving=serving(image="x:8")).step(0.5)
    assert "was corrected" in world.said(Reason.RETRIED)[-1]
    world.workloads[NEW] = replace(world.workloads[NEW], waiting="its pods are starting")
    world.run(60)
    assert [arm.version for arm in world.status.arms] == [NEW]
    world.run(70)
    assert [(item.version, item.reason) for item in world.status.taken_back] == [(NEW, Reason.LOAD_TIMEOUT)]
    assert "or mend it in the cluster, and say modelrollout retry" in world.status.message


def test_image_and_secret_are_told_by_their_fields_and_once() -> None:
    world = waiting('image "x:9" cannot be pulled: pull access denied; secret "registry" not found')
    said = SAID["the Secret of the registry"][1]
    assert world.status.message.startswith(
        f'{said}; spec.serving.image "x:9" cannot be pulled: pull access denied; {NEW} fails at '
    )
    assert world.status.message.count('"registry"') == 1
    world.run(180)
    assert "there was no Secret registry" in resolved(world)[2], "and no other is blamed for it later"


LACKED: dict[str, tuple[str, str]] = {  # Kubernetes' words, and what the condition says once the time to load is over
    "a claim": (
        'no node for it: persistentvolumeclaim "models" not found',
        'spec.model.uri "pvc://models/fraud/2": there was no PersistentVolumeClaim models in prod',
    ),
    "a key": (SAID["a key"][0], str(SAID["a key"][1]).partition("; ")[0].replace("has no", "had no")),
    "two Secrets": (
        SAID["two Secrets of the registry"][0],
        f'{SPEC}.imagePullSecrets[0].name "registry": there was no Secret registry in prod; '
        f'{SPEC}.imagePullSecrets[1].name "other": there was no Secret other in prod',
    ),
    "an image": ('image "x:9" cannot be pulled: not found', 'spec.serving.image "x:9" could not be pulled'),
}


@pytest.mark.parametrize(("words", "said"), LACKED.values(), ids=LACKED)
def test_what_was_taken_back_for_it_lacks_it_still(words: str, said: str) -> None:
    """Its pods are gone, and tell of nothing any more."""
    world = waiting(words).run(180)
    assert world.status.trial is None
    once = "once it is there say modelrollout retry fraud -n prod, or correct the field"
    assert resolved(world)[0::2] == ("False", f"{said}; {once}")
    assert not [event for event in world.events if "once it is there" in event.message], "the end of it was told"
    phases.say(world, "retry")
    assert resolved(world)[0] == "True"


def test_a_config_map_that_both_pods_and_cluster_tell_of_is_told_once_to_the_end() -> None:
    """The operator sees ConfigMaps itself, and what it sees comes and goes; the version waits for a word."""
    world = waiting(SAID["a volume"][0])
    plain = Refusal(Reason.REFERENCE_MISSING, str(SAID["a volume"][1]))
    world.unresolved = (plain,)
    world.run(180)
    assert world.status.trial is None
    name, events = f'{SPEC}.volumes[0].configMap.name "features"', len(world.events)
    expected = f"{name}: there was no ConfigMap features in prod; once it is there say modelrollout retry fraud -n prod"
    assert resolved(world)[2] == f"{expected}, or correct the field"
    assert world.status.message.count(name) == 1
    assert list(besides(world.status)) == [], "and so get has it once"
    world.unresolved = ()
    world.run(60)
    assert resolved(world)[2] == f"{expected}, or correct the field", "nobody says that it is not there"
    assert len(world.events) == events, "it was told"
    world.unresolved = (plain,)
    phases.say(world, "retry")
    assert resolved(world)[2] == plain.message


def test_samples_that_were_not_there_are_told_until_the_word() -> None:
    world = World.of(CANARY).installed().configure(validation={"samples": {"configMap": "samp"}})
    world.probed = replace(GOOD, unsent="ConfigMap samp is missing or empty; each key holds one body in JSON")
    world.apply(version=NEW).run(180)
    said = 'spec.validation.samples.configMap "samp": ConfigMap samp in prod was missing or empty; once it is there say'
    assert resolved(world)[2].startswith(f"{said} modelrollout retry")
    world.configure(validation={"samples": {"configMap": "other"}}).step(1)
    assert resolved(world)[0] == "True"


def test_a_correction_of_what_was_taken_back_is_asked_for_anew() -> None:
    world = waiting('image "x:9" cannot be pulled: not found').run(180)
    world.configure(serving=serving(image="x:8")).step(1)
    assert resolved(world)[0] == "True"


def test_of_a_spec_that_is_not_in_order_nothing_is_asked() -> None:
    world = phases.at_a_clock().configure(traffic={})
    world.step(1)
    found = {item.type: item for item in world.status.conditions}["ResolvedRefs"]
    words = "whether all that the spec names is there is asked when the spec is in order"
    assert (found.status, found.message) == ("Unknown", words)


def test_no_clock_runs_against_a_version_whose_fetcher_is_at_work() -> None:
    world = waiting("no node for it")
    assert world.arm.fails_at is not None
    world.workloads[NEW] = replace(world.workloads[NEW], waiting="the model is being fetched", at_work_since=world.now)
    assert world.step(1).status.arms[0].fails_at is None


def test_what_the_field_says_is_not_said_again_in_the_words_of_kubernetes() -> None:
    words = (
        'its pods are starting: FailedMount: MountVolume.SetUp failed for volume "a" : configmap "features" not found'
    )
    world = waiting(f"{words}; and something else")
    field = f'{SPEC}.volumes[0].configMap.name "features"'
    assert world.status.message.startswith(
        f"{field}: there is no ConfigMap features in prod; make it, or correct the field; and something else"
    )
