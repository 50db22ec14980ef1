"""What is scraped: sums, counts, delays, and no series that somebody else could make."""

from __future__ import annotations

import re

import pytest

from modelrollout.rewards.counts import DELAY_BOUNDS, KEPT
from tests.rewards.stage import NAMES, NOW, SEGMENT, TRIAL, Operator, Stage, decision, play, reward

SUM, COUNT = f"modelrollout_reward_sum_total{{{SEGMENT}}}", f"modelrollout_reward_count_total{{{SEGMENT}}}"


@pytest.mark.parametrize(
    ("given", "most", "counted", "clipped"),
    [(0.25, 1.0, 0.25, 0), (0, 1.0, 0, 0), (1, 1.0, 1, 0), (1.5, 1.0, 1, 1), (-3, 1.0, 0, 1), (99.5, 100.0, 99.5, 0)],
)
def test_rewards_are_from_0_to_the_maximum(given: float, most: float, counted: float, clipped: int) -> None:
    async def story(stage: Stage) -> None:
        assert (await stage.post(reward(given)))[0] == 200
        metrics = await stage.metrics()
        assert (metrics[SUM], metrics[COUNT]) == (counted, 1)
        assert metrics[f"modelrollout_rewards_clipped_total{{{NAMES}}}"] == clipped

    play(story, max_reward=most)


def test_delays_are_counted_by_their_bounds() -> None:
    async def story(stage: Stage) -> None:
        for number, delay in enumerate((0.0, -200, 1, 2, 3601, 86400)):
            await stage.post(reward(at=int(NOW - delay), request=number))
        metrics = await stage.metrics()
        below = {
            float(found[1]): value
            for name, value in metrics.items()
            if (found := re.fullmatch(rf'modelrollout_reward_delay_seconds_bucket{{{NAMES},le="([^"]+)"}}', name))
        }
        assert list(below) == [*DELAY_BOUNDS, float("inf")]
        assert (below[1], below[5], below[3600], below[10800], below[86400]) == (3, 4, 4, 5, 6)
        assert metrics[f"modelrollout_reward_delay_seconds_sum{{{NAMES}}}"] == 1 + 2 + 3601 + 86400

    play(story)


def test_bounds_are_in_order_from_a_second_to_a_week() -> None:
    assert list(DELAY_BOUNDS) == sorted(DELAY_BOUNDS)
    assert (DELAY_BOUNDS[0], DELAY_BOUNDS[-1]) == (1, 7 * 86400)


def test_series_are_there_before_the_first_reward() -> None:
    """So that the first one is an increase, and silence is zero and not blindness."""

    async def story(stage: Stage) -> None:
        metrics = await stage.metrics()
        assert (metrics[SUM], metrics[COUNT]) == (0, 0)
        assert metrics['modelrollout_rewards_refused_total{reason="Late"}'] == 0

    play(story)


def test_strangers_make_no_series() -> None:
    async def story(stage: Stage) -> None:
        before = set(await stage.metrics())
        names = ("namespace", "rollout", "epoch", "version", "segment", "request")
        batch = [reward(**{name: number}) for number in range(100, 200) for name in names]
        await stage.post([*batch, {"decision": decision()}, 7])
        assert set(await stage.metrics()) == before

    play(story)


def test_series_go_a_while_after_their_trial() -> None:
    operator = Operator()

    async def story(stage: Stage) -> None:
        await stage.post(reward())
        operator.trials = ()
        for passed, kept in ((KEPT, True), (1, False)):
            stage.now[0] += passed
            await stage.gateway.watch.newer()
            assert (COUNT in await stage.metrics()) is kept
        assert not any("prod" in name for name in await stage.metrics())

    play(story, operator=operator)


def test_series_stay_while_the_operator_is_away() -> None:
    operator = Operator()

    async def story(stage: Stage) -> None:
        operator.trials = None
        stage.now[0] += 10 * KEPT
        await stage.gateway.watch.newer()
        assert COUNT in await stage.metrics()

    play(story, operator=operator)


def test_an_earlier_epoch_of_the_same_trial_counts() -> None:
    """Shares have changed since the decision; a bandit's do all the time."""
    operator = Operator()

    async def story(stage: Stage) -> None:
        operator.trials = (TRIAL.model_copy(update={"epoch": TRIAL.epoch + 600}),)
        await stage.gateway.watch.newer()
        assert (await stage.post(reward(request="a")))[0] == 200
        assert (await stage.post(reward(request="b", epoch=TRIAL.epoch + 300)))[0] == 200

    play(story, operator=operator)


def test_a_new_trial_goes_on_with_the_counters_of_its_versions() -> None:
    """A counter that fell back would be a reset; rewards of the trial before are refused, so nothing is mixed."""
    operator = Operator()

    async def story(stage: Stage) -> None:
        await stage.post(reward(request="a"))
        operator.trials = (TRIAL.model_copy(update={"first_epoch": TRIAL.epoch + 600, "epoch": TRIAL.epoch + 600}),)
        await stage.gateway.watch.newer()
        assert (await stage.post(reward(request="b")))[1]["reason"] == "Unknown"
        assert (await stage.post(reward(request="a", epoch=TRIAL.epoch + 600)))[0] == 200
        assert (await stage.metrics())[COUNT] == 2

    play(story, operator=operator)


def test_every_line_is_in_the_text_format_and_given_once() -> None:
    async def story(stage: Stage) -> None:
        await stage.post(reward(0.1))
        _, text = await stage.get("/metrics")
        lines = [line for line in text.splitlines() if not line.startswith("# ")]
        sample = re.compile(r'[a-z_]+(\{([a-z_]+="[^"]*",?)+\})? [0-9.e+-]+')
        assert [line for line in lines if not sample.fullmatch(line)] == []
        names = [line.rpartition(" ")[0] for line in lines]
        assert len(names) == len(set(names))
        # Prometheus puts labels of these names on whatever it scrapes, and would rename ours.
        assert not re.search(r"[{,](namespace|service|pod|instance|job)=", text)

    play(story)
