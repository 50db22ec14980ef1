"""Story 7: blue/green is switched, and taken back by `abort` in one step."""

from __future__ import annotations

from pathlib import Path

from e2e.harness.certificates import self_signed
from e2e.harness.rollout import INSTALL_SECONDS, RELEASE_SECONDS, Rollout
from e2e.harness.traffic import Clients
from modelrollout.api.status import Phase

HERE = Path(__file__).parent
MANIFEST = HERE / "rollout.yaml"
PREVIEW = {"x-model-preview": "green"}


def test_switched_and_taken_back_in_one_step(rollout: Rollout, clients: Clients, tmp_path: Path) -> None:
    certificate, key = self_signed(f"model-store.{rollout.namespace}.svc", tmp_path)
    rollout.prepare(HERE / "store.yaml", wait_for_pod="model-store", certificate=certificate, key=key)
    rollout.give_smoke_requests("digits-smoke")
    rollout.apply(MANIFEST, version="1.0.1", model="good")  # the store answers 401 to whoever has not its token
    rollout.wait_healthy("1.0.1", INSTALL_SECONDS)

    with clients(rollout.host) as requests:
        rollout.apply(MANIFEST, version="1.1.2", model="better")
        rollout.wait_for(
            lambda seen: seen.status.phase is Phase.AWAITING_APPROVAL, RELEASE_SECONDS, "the switch waits for a person"
        )
        with clients(rollout.host, rate=10, headers=PREVIEW) as previews:
            previews.wait_for_answers(20)
        assert requests.share("1.0.1") == 1.0, "green was seen without the header"

        rollout.say("promote", "digits")
        rollout.wait_weight("1.1.2", 100)
        requests.wait_for_answers(200)
        blue = rollout.incarnations("1.0.1")

        rollout.say("abort", "digits", "--reason", "second thoughts")
        rollout.wait_for(lambda seen: seen.status.trial is None, 10, "the release is over")
        rollout.wait_for(lambda seen: not seen.status.retiring, 60, "green has drained and is gone")
        requests.wait_for_answers(100)

    previews.none_failed()
    assert previews.share("1.1.2") == 1.0
    requests.none_failed()
    assert requests.share("1.0.1", last=100) == 1.0
    assert [weights for _, weights in rollout.routes()] == [{"1.0.1": 100}, {"1.1.2": 100}, {"1.0.1": 100}]
    assert rollout.incarnations("1.0.1") == blue, "blue was not kept warm"
    last = rollout.status.history[-1]
    assert (last.version, last.outcome, last.reason) == ("1.1.2", "Aborted", "Aborted")
    assert "second thoughts" in last.message
