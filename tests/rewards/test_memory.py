"""Which ids are remembered, for how long, and what goes when there are too many."""

from __future__ import annotations

import pytest

from modelrollout.rewards.memory import Memory
from tests.rewards.stage import NOW, Stage, play, reward


def memory(now: list[float], window: float = 1600, capacity: int = 1600) -> Memory:
    return Memory(window, capacity, lambda: now[0])


def test_an_id_is_new_once() -> None:
    found = memory([0.0])
    assert [found.add("prod", "fraud", 1, text) for text in ("a", "b", "a")] == [True, True, False]
    assert len(found) == 2


def test_ids_of_other_trials_are_others() -> None:
    found = memory([0.0])
    assert all(found.add(*parts) for parts in (("a", "b", 1, "c"), ("a", "b", 2, "c"), ("a", "x", 1, "c")))


def test_an_id_is_known_for_the_whole_window() -> None:
    now = [0.0]
    found = memory(now)
    for second in range(0, 4800, 7):
        now[0] = second
        assert found.add(second)
        for age in range(7, 1600, 7):
            assert second < age or not found.add(second - age)


def test_nothing_is_kept_much_longer() -> None:
    now = [0.0]
    found = memory(now)
    for second in range(0, 10_000, 10):
        now[0] = second
        found.add(second)
    assert len(found) <= (1600 + 2 * 100) / 10
    assert found.forgotten == 0


@pytest.mark.parametrize("capacity", [16, 100, 1600, 5000])
def test_when_there_are_too_many_the_oldest_go(capacity: int) -> None:
    found = memory([0.0], capacity=capacity)
    for number in range(10_000):
        assert found.add(number)
        assert len(found) <= capacity
    assert found.forgotten == 10_000 - len(found)
    assert len(found) >= capacity * 14 / 16
    assert not any(found.add(number) for number in range(10_000 - len(found), 10_000))


def test_the_gateway_remembers_for_as_long_as_a_decision_counts() -> None:
    """A decision from the future counts for the longest time."""

    async def story(stage: Stage) -> None:
        early = reward(at=int(NOW) + 300)
        assert (await stage.post(early))[0] == 200
        for passed, reason in ((43_200, "Duplicate"), (43_200 + 300, "Duplicate"), (1, "Late")):
            stage.now[0] += passed
            assert (await stage.post(early))[1]["reason"] == reason
            assert (await stage.post(reward(at=int(stage.now[0]), request=f"new-{stage.now[0]}")))[0] == 200

    play(story)


def test_a_duplicate_is_a_conflict_and_the_page_tells_of_both() -> None:
    async def story(stage: Stage) -> None:
        assert (await stage.post(reward()))[0] == 200
        status, body = await stage.post(reward(0))
        assert (status, body["reason"]) == (409, "Duplicate")
        assert "'6e0f' has been rewarded already" in body["message"]
        metrics = await stage.metrics()
        assert metrics["modelrollout_rewards_remembered"] == 1
        assert metrics["modelrollout_rewards_forgotten_total"] == 0

    play(story)
