"""Story 27: callers stay with a version by an id that they carry, or by what they send back."""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest

from e2e.client.accounts import Accounts, Echoing
from e2e.cluster.target import Target
from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients
from e2e.installation import MODELS
from modelrollout.api.status import Phase
from modelrollout.core.progress.way import DOUBLE_PRESS_SECONDS

MANIFEST = Path(__file__).parent / "rollout.yaml"
OLD, NEW = "1.0.1", "1.1.2"
BY_ID = "{header: {name: x-account, method: HexSuffix}}"
BY_HASH = "{header: {name: x-account, method: MeshHash}}"
BY_ECHO = "{echo: {}}"
LIVE_SECONDS = 2.0  # from the route in the API server to the last request by the one before
ACCOUNTS = 200
BOUND = 20.0  # seconds


@pytest.fixture
def bodies() -> list[bytes]:
    """Requests to the model."""
    return [row.encode() for row in (MODELS / "rows" / "digits.jsonl").read_text().splitlines()]


@pytest.mark.parametrize("affinity", [BY_ID, BY_HASH], ids=["by the end of an id", "by its hash"])
def test_accounts_stay_by_their_ids(
    rollout: Rollout, target: Target, clients: Clients, bodies: list[bytes], affinity: str
) -> None:
    installed(rollout, affinity)
    url = f"{target.gateway_url}/v1/models/digits:predict"
    with clients(rollout.host, rate=50) as without_id, Accounts(url, rollout.host, bodies, ACCOUNTS) as them:
        rollout.apply(MANIFEST, version=NEW, model="better", affinity=affinity)
        at_a_quarter = candidates(rollout, them, 25)

        wait_for_the_question(rollout)
        rollout.say("promote", "digits")
        at_half = candidates(rollout, them, 50)
        assert at_a_quarter < at_half, "somebody left the candidate when its share rose"
        assert without_id.share(NEW, last=150) == pytest.approx(0.5, abs=0.2), "who has no id is drawn by the weights"

        rollout.say("abort", "digits")
        rollout.wait_route({OLD: 100}, BOUND)
        since = live_at(rollout)
        them.wait_for_rounds(2, since)

    without_id.none_failed()
    assert [error for account in them.all for error in account.errors] == []
    assert {version for account in them.all for version in account.versions(since)} == {OLD}


def test_callers_by_grpc_stay_by_an_echo(
    rollout: Rollout, target: Target, clients: Clients, bodies: list[bytes]
) -> None:
    installed(rollout, BY_ECHO)
    address, options = urlsplit(target.gateway_url), [("grpc.default_authority", rollout.host)]
    channel = grpc.insecure_channel(f"{address.hostname}:{address.port or 80}", options=options)
    with clients(rollout.host, rate=50), channel:
        rollout.apply(MANIFEST, version=NEW, model="better", affinity=BY_ECHO)
        callers = [Echoing(channel, "digits", "x-model-arm") for _ in range(30)]
        rollout.wait_route({OLD: 75, NEW: 25}, RELEASE_SECONDS)
        ask(rollout, callers, bodies, 4)
        assert moved(callers, last=4) == []
        assert all(caller.echo is not None for caller in callers)

        wait_for_the_question(rollout)
        rollout.say("promote", "digits")
        rollout.wait_route({OLD: 50, NEW: 50}, RELEASE_SECONDS)
        ask(rollout, callers, bodies, 4)
        assert moved(callers, last=4) == [], "who was drawn anew stays again"
        assert {caller.versions[-1] for caller in callers} == {OLD, NEW}

        rollout.say("abort", "digits")
        rollout.wait_route({OLD: 100}, BOUND)
        ask(rollout, callers, bodies, 1)
        assert {caller.versions[-1] for caller in callers} == {OLD}
        assert {caller.echo for caller in callers} == {None}, "there is nothing to stay with"


def test_without_the_filter_of_the_mesh_nobody_would_stay(rollout: Rollout) -> None:
    """For another header than the installation's filter, so the manifest is refused."""
    rollout.apply(MANIFEST, version=OLD, model="good", affinity="{header: {name: x-other, method: MeshHash}}")
    rollout.wait_for(lambda seen: seen.status.phase is Phase.INVALID, BOUND, "the manifest is refused")
    assert "no EnvoyFilter in istio-system makes the proxies choose by x-other" in rollout.status.message


def installed(rollout: Rollout, affinity: str) -> None:
    """The version that serves, with a way to stay that nobody needs yet."""
    rollout.apply(MANIFEST, version=OLD, model="good", affinity=affinity)
    rollout.wait_healthy(OLD, INSTALL_SECONDS)


def candidates(rollout: Rollout, them: Accounts, weight: int) -> set[str]:
    """Who is with the candidate at a weight. Everybody stays for three requests and more, and about as many as the
    weight says are with it."""
    rollout.wait_route({OLD: 100 - weight, NEW: weight}, RELEASE_SECONDS)
    since = live_at(rollout)
    them.wait_for_rounds(3, since)
    found = {account.name: set(account.versions(since)) for account in them.all}
    assert {name: versions for name, versions in found.items() if len(versions) != 1} == {}
    chosen = {name for name, versions in found.items() if versions == {NEW}}
    assert len(chosen) / len(found) == pytest.approx(weight / 100, abs=0.15)  # chance: four standard deviations
    return chosen


def live_at(rollout: Rollout) -> float:
    """From when on requests go by the newest route."""
    return rollout.routes()[-1][0] + LIVE_SECONDS


def is_asked(rollout: Rollout) -> bool:
    """Whether a step is held that no clock ends."""
    return rollout.status.trial is not None and rollout.status.trial.waiting_since is not None


def wait_for_the_question(rollout: Rollout) -> None:
    """Until a word to go on is meant for the step that is held: one that comes with the question is not."""
    rollout.wait_for(is_asked, BOUND, "a person is asked")
    time.sleep(DOUBLE_PRESS_SECONDS)


def ask(rollout: Rollout, callers: list[Echoing], bodies: list[bytes], times: int) -> None:
    """Each so often, by the newest route."""
    time.sleep(max(0.0, live_at(rollout) - time.time()))
    for _ in range(times):
        for caller in callers:
            caller.ask(bodies[0])


def moved(callers: list[Echoing], last: int) -> list[list[str]]:
    """Who was not answered by one version alone lately."""
    return [caller.versions[-last:] for caller in callers if len(set(caller.versions[-last:])) > 1]
