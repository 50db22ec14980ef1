"""Story 28: a model that answers well and wrong is stopped before its first request."""

from __future__ import annotations

from pathlib import Path

from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.samples import give_samples
from e2e.harness.traffic import Clients
from modelrollout.api.status import Phase

MANIFEST = Path(__file__).parent / "rollout.yaml"
BOUND = 60.0  # seconds: its pod is started, loaded and asked
PASSED, FAILED = 0, 1


def test_no_user_gets_an_answer_of_it(rollout: Rollout, clients: Clients, tmp_path: Path) -> None:
    give_samples(rollout)
    rollout.apply(MANIFEST, version="1.0.1", model="good")
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        before = memory(rollout)
        wrong, right = (written(rollout, tmp_path, model) for model in ("permuted", "better"))
        told = rollout.ask("validate", "-f", str(wrong))
        assert told.returncode == FAILED, told.stdout + told.stderr
        assert "1.1.2 failed its validation: ValidationFailed: 10 of 10 " in told.stdout
        told = rollout.ask("validate", "-f", str(right))
        assert told.returncode == PASSED, told.stdout + told.stderr
        assert "1.1.2 passed its validation; nothing was released" in told.stdout
        assert memory(rollout) == before, "the rollout itself was left alone"
        assert names(rollout) == ["digits"]
        rollout.wait_for(lambda seen: seen.pods("1.1.2") == [], BOUND, "what was validated is removed")

        rollout.apply(MANIFEST, version="1.1.2", model="permuted")
        rollout.wait_for(lambda seen: seen.status.phase is Phase.DEGRADED, BOUND, "it fails before any request")
        requests.wait_for_answers(300)
        assert rollout.routes() == [(rollout.routes()[0][0], {"1.0.1": 100})], "the route has never moved"

        rollout.apply(MANIFEST, version="1.2.3", model="better")
        rollout.wait_healthy("1.2.3", RELEASE_SECONDS)
        requests.wait_for_answers(100)

    requests.none_failed()
    assert {answer.version for answer in requests.answers()} == {"1.0.1", "1.2.3"}
    failed = next(item for item in rollout.status.quarantined if item.version == "1.1.2")
    assert failed.reason == "ValidationFailed"
    assert "10 of 10 " in failed.message
    assert "no request reached it" in failed.message
    assert rollout.condition("Validated")[0] == "True"


def written(rollout: Rollout, folder: Path, model: str) -> Path:
    """The manifest that a pipeline would hand over."""
    path = folder / f"{model}.yaml"
    path.write_text(rollout.fill(MANIFEST, version="1.1.2", model=model))
    return path


def memory(rollout: Rollout) -> tuple[object, ...]:
    """What the rollout knows of its releases."""
    status = rollout.status
    return status.observed_generation, status.trial, status.history, status.withheld, status.retiring


def names(rollout: Rollout) -> list[str]:
    """Of all rollouts in the story's namespace."""
    found = rollout.world.kubectl.list("modelrollouts", rollout.namespace)
    return [item["metadata"]["name"] for item in found]
