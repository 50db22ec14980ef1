"""A command that is answered is taken away from the real object, and nothing else is, so that it can be given again."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from modelrollout.adapters.cluster import MODEL_ROLLOUTS, ApiError, Cluster, Object
from modelrollout.resource.rollout import COMMAND_ANNOTATION
from tests.kubernetes import Kubernetes
from tests.runtime.stage import Stage, play

pytestmark = pytest.mark.apiserver

OLD, NEW = "1.0.1", "1.0.2"


async def live(stage: Stage) -> Object:
    found = await stage.cluster.get(MODEL_ROLLOUTS, stage.namespace, stage.name)
    assert found is not None
    return found


async def annotate(stage: Stage, text: str) -> str:
    """``kubectl annotate --overwrite``; gives the version of the object then."""
    path = MODEL_ROLLOUTS.path(stage.namespace, stage.name)
    body = {"metadata": {"annotations": {COMMAND_ANNOTATION: text, "example.com/theirs": "stays"}}}
    written = await stage.cluster._send(
        "PATCH", path, parameters={"fieldManager": "kubectl-annotate"}, body=body,
        content_type="application/merge-patch+json",
    )  # fmt: skip
    stage.heard()
    return str(written["metadata"]["resourceVersion"])


async def released(stage: Stage) -> None:
    """The next version has requests."""
    await stage.submit(NEW)
    await stage.passes(2)
    await stage.pods_ready(NEW)
    await stage.later(5)
    await stage.command("skip")  # nobody answers for Prometheus here
    await stage.later(5)


async def answer(stage: Stage) -> dict[str, Any]:
    """The annotations after two passes, and that the status has the answer."""
    await stage.passes(2)
    return dict((await live(stage))["metadata"].get("annotations", {}))


def test_the_same_words_twice_are_two_commands(kubernetes: Kubernetes) -> None:
    async def story(stage: Stage) -> None:
        await stage.installed()
        for _ in range(2):
            await released(stage)
            assert NEW in str(await stage.weights()).replace("-", ".")
            await annotate(stage, f"abort {NEW}")
            assert await answer(stage) == {"example.com/theirs": "stays"}
            assert await stage.weights() == {"fraud-1-0-1": 100}
            assert (await stage.status())["lastCommand"] == f"abort {NEW}"
            await stage.submit(OLD)
            await stage.later(60)

    play(kubernetes, story)


def test_words_that_stand_there_already_are_no_change_and_nobody_hears_of_them(kubernetes: Kubernetes) -> None:
    """Why they are taken away."""

    async def story(stage: Stage) -> None:
        await stage.installed()
        first = await annotate(stage, f"abort {NEW}")
        assert await annotate(stage, f"abort {NEW}") == first

    play(kubernetes, story)


@pytest.mark.parametrize("there", [f"abort {NEW}", None], ids=["another command", "none"])
def test_only_what_was_answered_is_taken_away(kubernetes: Kubernetes, there: str | None) -> None:
    async def story(stage: Stage) -> None:
        await stage.installed()
        if there is not None:
            await annotate(stage, there)
        before = await live(stage)
        gone = await stage.cluster.remove_annotation(
            MODEL_ROLLOUTS, stage.namespace, stage.name, COMMAND_ANNOTATION, f"promote {NEW}"
        )
        assert gone is None
        assert await live(stage) == before

    play(kubernetes, story)


def test_a_pass_that_is_killed_before_leaves_it_to_the_next(
    kubernetes: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(stage: Stage) -> None:
        await stage.installed()
        await released(stage)
        await annotate(stage, f"pause {NEW}")

        async def killed(*_: object) -> None:
            raise TimeoutError

        with monkeypatch.context() as patched:
            patched.setattr(Cluster, "remove_annotation", killed)
            with pytest.raises(TimeoutError):
                await stage.passes()
        stage.heard()
        assert (await stage.status())["lastCommand"] == f"pause {NEW}"
        assert COMMAND_ANNOTATION in (await live(stage))["metadata"]["annotations"]
        assert COMMAND_ANNOTATION not in await answer(stage)

    play(kubernetes, story)


def test_without_the_right_to_it_everything_else_goes_on(
    kubernetes: Kubernetes, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator with the rights of an older chart."""

    async def story(stage: Stage) -> None:
        await stage.installed()
        await released(stage)
        await annotate(stage, f"abort {NEW}")

        async def forbidden(*_: object) -> None:
            raise ApiError(403, "modelrollouts is forbidden: cannot patch")

        monkeypatch.setattr(Cluster, "remove_annotation", forbidden)
        with caplog.at_level(logging.WARNING):
            await stage.passes(3)
        assert await stage.weights() == {"fraud-1-0-1": 100}
        said = [record.message for record in caplog.records if "cannot be given again" in record.message]
        assert len(said) == 1

    play(kubernetes, story)
