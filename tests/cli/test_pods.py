"""A pod in one word: what is wrong with it, if anything is."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from modelrollout.cli.pods import pod_from_json

STATES = {
    "running": ("{phase: Running, containerStatuses: [{state: {running: {}}}]}", "Running"),
    "not scheduled": ("{phase: Pending}", "Pending"),
    "just begun": ("{phase: Pending, containerStatuses: [{state: {waiting: {reason: ContainerCreating}}}]}", "Pending"),
    "no image": ("{phase: Pending, containerStatuses: [{state: {waiting: {reason: ErrImagePull}}}]}", "ErrImagePull"),
    "crashing": (
        "{phase: Running, containerStatuses: [{state: {waiting: {reason: CrashLoopBackOff}}}]}",
        "CrashLoopBackOff",
    ),
    "killed": (
        "{phase: Running, containerStatuses: [{state: {terminated: {exitCode: 137, reason: OOMKilled}}}]}",
        "OOMKilled",
    ),
    "ended badly": ("{phase: Failed, containerStatuses: [{state: {terminated: {exitCode: 1}}}]}", "Error"),
    "ended well": ("{phase: Succeeded, containerStatuses: [{state: {terminated: {exitCode: 0}}}]}", "Succeeded"),
    "evicted": ("{phase: Failed, reason: Evicted}", "Evicted"),
    "its fetcher fails": (
        "{phase: Pending, initContainerStatuses: [{state: {waiting: {reason: CrashLoopBackOff}}}],"
        " containerStatuses: [{state: {waiting: {reason: PodInitializing}}}]}",
        "Init:CrashLoopBackOff",
    ),
    "its fetcher runs": (
        "{phase: Pending, initContainerStatuses: [{state: {running: {}}}],"
        " containerStatuses: [{state: {waiting: {reason: PodInitializing}}}]}",
        "Pending",
    ),
    "nothing known": ("{}", "Unknown"),
}


def body(status: str, **metadata: Any) -> dict[str, Any]:
    common = {"name": "fraud-1", "creationTimestamp": "2026-03-14T10:00:00Z"}
    return {"metadata": {**common, **metadata}, "status": yaml.safe_load(status)}


@pytest.mark.parametrize(("status", "state"), STATES.values(), ids=STATES.keys())
def test_state(status: str, state: str) -> None:
    assert pod_from_json(body(status)).state == state


def test_one_that_is_being_deleted() -> None:
    assert pod_from_json(body("{phase: Running}", deletionTimestamp="2026-03-14T11:00:00Z")).state == "Terminating"


def test_restarts_of_all_its_containers() -> None:
    two = "[{restartCount: 2, state: {}}, {restartCount: 1, state: {}}]"
    status = f"{{phase: Running, initContainerStatuses: [{{restartCount: 4, state: {{}}}}], containerStatuses: {two}}}"
    assert pod_from_json(body(status)).restarts == 7


READY = {
    "ready": ("[{type: Ready, status: 'True'}]", True),
    "not ready": ("[{type: Ready, status: 'False'}]", False),
    "only scheduled": ("[{type: PodScheduled, status: 'True'}]", False),
    "nothing known": ("[]", False),
}


@pytest.mark.parametrize(("conditions", "ready"), READY.values(), ids=READY.keys())
def test_ready(conditions: str, ready: bool) -> None:
    assert pod_from_json(body(f"{{phase: Running, conditions: {conditions}}}")).ready is ready
