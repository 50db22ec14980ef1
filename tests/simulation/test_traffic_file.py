"""What is wrong with a traffic file is one sentence that names the field and the way out."""

from __future__ import annotations

from pathlib import Path

import pytest

from modelrollout.simulation.reading import InputError
from modelrollout.simulation.scenario import from_traffic
from tests.simulation.scenes import FOCUSED, MANIFEST, SEGMENTS, TRAFFIC, cases, scene, write


def edited(change: str) -> str:
    """The traffic with one key set; a key that is there is replaced, but for the case that needs it twice."""
    key = change.partition(":")[0]
    kept = [line for line in TRAFFIC.splitlines() if not line.startswith(f"{key}:") or change == "rps: 50"]
    return "\n".join([*kept, change])


@pytest.mark.parametrize(("change", "sentence"), cases("traffic_refused.yaml"))
def test_refused_with_a_sentence(change: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        scene(tmp_path, edited(change))
    assert str(error.value).startswith(str(tmp_path / "traffic.yaml"))
    assert str(error.value).endswith(sentence)


@pytest.mark.parametrize(("change", "sentence"), cases("matched_refused.yaml"))
def test_refused_with_a_sentence_where_there_is_a_match(change: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        scene(tmp_path, f"{TRAFFIC}{change}", FOCUSED)
    assert str(error.value) == f"{tmp_path / 'traffic.yaml'}: {sentence}"


@pytest.mark.parametrize(("change", "sentence"), cases("segments_refused.yaml"))
def test_refused_with_a_sentence_where_there_are_segments(change: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        scene(tmp_path, f"{TRAFFIC}{change}", SEGMENTS)
    assert str(error.value) == f"{tmp_path / 'traffic.yaml'}: {sentence}"


@pytest.mark.parametrize("key", ["rps", "scrapeInterval", "duration", "stable", "candidate"])
def test_each_part_is_needed(key: str, tmp_path: Path) -> None:
    text = "\n".join(line for line in TRAFFIC.splitlines() if not line.startswith(f"{key}:"))
    with pytest.raises(InputError, match=rf"traffic.yaml: {key} is missing; write for example {key}: "):
        scene(tmp_path, text)


def test_a_manifest_is_no_traffic(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match="this is a manifest, ModelRollout, and no traffic; write for example rps: 100"
    ):
        scene(tmp_path, MANIFEST)


def test_a_bound_above_all_buckets_is_refused(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("[{name: errors}]", "[{name: errors}, {name: latency, over: 70ms}]")
    traffic = TRAFFIC.replace("errors: 0.01", "latency: [{le: 10ms, share: 0.5}, {le: 50ms, share: 0.9}]")
    sentence = "stable.latency: the manifest judges over: 70ms, above the last bucket 50ms; add one at 70ms"
    with pytest.raises(InputError, match=sentence):
        scene(tmp_path, traffic, manifest)


def test_two_versions_by_two_bounds_are_refused(tmp_path: Path) -> None:
    """The sentences would name the one, and count the other's answers by the other."""
    manifest = MANIFEST.replace("[{name: errors}]", "[{name: errors}, {name: latency, over: 70ms}]")
    traffic = TRAFFIC.replace("errors: 0.01", "latency: [{le: 70ms, share: 0.9}]", 1).replace(
        "errors: 0.01", "latency: {median: 30ms, p99: 110ms}"
    )
    sentence = (
        "candidate.latency: what is slow would be told at 100ms, and of stable at 70ms; give both by median and p99, "
        "or by the same buckets"
    )
    with pytest.raises(InputError, match=sentence):
        scene(tmp_path, traffic, manifest)


def test_a_metric_without_numbers_is_refused(tmp_path: Path) -> None:
    manifest = MANIFEST.replace("[{name: errors}]", "[{name: errors}, {name: latency, over: 70ms}]")
    with pytest.raises(InputError, match=r"stable\.latency is missing: the manifest judges the metric latency"):
        scene(tmp_path, manifest=manifest)


LATEST = "spec.model.version: version 'latest' is not MAJOR.MINOR.PIPELINE; write for example 2.4.1187"
STATUS = "status: {stable: {version: 2.2.7, uri: x}}"
MANIFESTS = {
    "no rollout": ("kind: ConfigMap", "0 documents of kind ModelRollout; a simulation plays exactly one"),
    "two rollouts": (f"{MANIFEST}---{MANIFEST}", "2 documents of kind ModelRollout; a simulation plays exactly one"),
    "another API": (
        MANIFEST.replace("v1alpha1", "v2"),
        "apiVersion 'modelrollout.dev/v2' is not known; write modelrollout.dev/v1alpha1",
    ),
    "no name": (
        MANIFEST.replace("{name: fraud}\nspec", "{}\nspec"),
        "metadata.name is missing; write for example metadata: {name: fraud}",
    ),
    "spec not in order": (MANIFEST.replace("version: 2.4.1187", "version: latest"), LATEST),
    "another stable": (
        MANIFEST + STATUS,
        "stable is 2.3.1160, but the manifest's status says that 2.2.7 serves; keep one of them",
    ),
}


@pytest.mark.parametrize(("manifest", "sentence"), MANIFESTS.values(), ids=MANIFESTS.keys())
def test_manifest_refused_with_a_sentence(manifest: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as error:
        scene(tmp_path, manifest=manifest)
    assert str(error.value).endswith(sentence)


def test_no_file_is_a_sentence(tmp_path: Path) -> None:
    manifest = write(tmp_path, "rollout.yaml", MANIFEST)
    with pytest.raises(InputError, match="cannot be read: No such file or directory"):
        from_traffic(manifest, tmp_path / "none.yaml")
