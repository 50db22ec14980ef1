"""WorkQueue with a real event loop: at most once, never two at a time, later, and again after a failure."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

import pytest

from modelrollout.runtime.queue import FIRST_WAIT, LONGEST_WAIT, SPREAD, WorkQueue, work


class Clock:
    """A clock that is moved by hand. The queue asks it; the event loop keeps its own."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(_body(test))


async def _body(test: Callable[[], Awaitable[None]]) -> None:
    async with asyncio.timeout(30):
        await test()


async def taken(queue: WorkQueue[str]) -> list[str]:
    """All keys that can be taken now."""
    keys = []
    while True:
        try:
            async with asyncio.timeout(0.01):
                keys.append(await queue.take())
        except TimeoutError:
            return keys


def test_a_key_that_is_named_often_is_taken_once() -> None:
    async def body() -> None:
        queue = WorkQueue[str](Clock())
        for key in ("a", "b", "a", "a", "b"):
            queue.add(key)
        assert len(queue) == 2
        assert await taken(queue) == ["a", "b"]

    run(body)


def test_a_key_that_is_being_worked_on_waits() -> None:
    async def body() -> None:
        queue = WorkQueue[str](Clock())
        queue.add("a")
        assert await queue.take() == "a"
        queue.add("a")
        queue.add("b")
        assert await taken(queue) == ["b"]
        queue.done("a", 60)
        assert await taken(queue) == ["a"]

    run(body)


def test_the_earliest_wish_wins() -> None:
    async def body() -> None:
        clock = Clock()
        queue = WorkQueue[str](clock)
        queue.add("a", 10)
        queue.add("a", 2)
        queue.add("a", 20)
        clock.now += 1.9
        assert await taken(queue) == []
        clock.now += 0.2
        assert await taken(queue) == ["a"]
        clock.now += 60
        queue.done("a", 300)
        assert await taken(queue) == []

    run(body)


def test_an_event_during_the_pass_is_not_lost_to_a_later_look() -> None:
    async def body() -> None:
        queue = WorkQueue[str](Clock())
        queue.add("a")
        await queue.take()
        queue.add("a")
        queue.done("a", 300)
        assert await taken(queue) == ["a"]

    run(body)


def test_a_waiting_worker_is_woken_by_a_new_key() -> None:
    async def body() -> None:
        queue = WorkQueue[str]()
        queue.add("later", 60)
        taking = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        queue.add("now")
        assert await taking == "now"

    run(body)


def test_failures_wait_longer_and_longer_and_a_success_forgets_them() -> None:
    async def body() -> None:
        clock = Clock()
        queue = WorkQueue[str](clock)
        queue.add("a")
        waits = []
        for _ in range(10):
            await queue.take()
            waits.append(queue.failed("a"))
            clock.now += 100
        expected = [min(LONGEST_WAIT, FIRST_WAIT * 2**number) for number in range(10)]
        assert all(abs(wait - ideal) <= ideal * SPREAD for wait, ideal in zip(waits, expected, strict=True))
        await queue.take()
        queue.done("a", 0)
        await queue.take()
        assert queue.failed("a") <= FIRST_WAIT * (1 + SPREAD)

    run(body)


def test_many_keys_that_failed_together_do_not_come_back_together() -> None:
    async def body() -> None:
        queue = WorkQueue[str](Clock())
        for number in range(1000):
            queue.add(f"ns/{number}")
        waits = {queue.failed(await queue.take()) for _ in range(1000)}
        assert len(waits) > 900

    run(body)


def test_a_key_that_is_gone_is_not_looked_at_later() -> None:
    async def body() -> None:
        clock = Clock()
        queue = WorkQueue[str](clock)
        queue.add("a")
        await queue.take()
        queue.add("a", 30)
        queue.gone("a")
        clock.now += 60
        assert await taken(queue) == []

    run(body)


def test_a_key_that_came_back_while_it_went_is_looked_at() -> None:
    async def body() -> None:
        queue = WorkQueue[str](Clock())
        queue.add("a")
        await queue.take()
        queue.add("a")
        queue.gone("a")
        assert await taken(queue) == ["a"]

    run(body)


@pytest.mark.parametrize("workers", [1, 8])
def test_no_two_passes_over_one_key_at_a_time_and_none_is_forgotten(workers: int) -> None:
    async def body() -> None:
        queue, running, passes = WorkQueue[str](), set[str](), Counter[str]()
        finished = asyncio.Event()

        async def one_pass(key: str) -> None:
            assert key not in running
            running.add(key)
            await asyncio.sleep(0)
            running.remove(key)
            passes[key] += 1
            if passes[key] < 5:
                queue.done(key, 0)
            else:
                queue.gone(key)
            if sum(passes.values()) == 5 * 200:
                finished.set()

        tasks = [asyncio.create_task(work(queue, one_pass)) for _ in range(workers)]
        for number in range(200):
            queue.add(str(number))
        await finished.wait()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert set(passes.values()) == {5}
        assert (len(queue), queue.running) == (0, 0)

    run(body)


def test_overdue_is_the_age_of_what_nobody_takes() -> None:
    async def body() -> None:
        clock = Clock()
        queue = WorkQueue[str](clock)
        assert queue.overdue() == 0
        queue.add("a", 5)
        clock.now += 3
        assert queue.overdue() == 0
        clock.now += 9
        assert queue.overdue() == 7
        await queue.take()
        queue.add("a")
        clock.now += 100
        assert queue.overdue() == 0, "a key that a worker has is not waiting for one"

    run(body)


def test_a_long_queue_is_no_standstill_and_one_in_which_nothing_ends_is() -> None:
    """By it the process is started again, which would make a long queue only longer."""

    async def body() -> None:
        clock = Clock()
        queue = WorkQueue[str](clock)
        clock.now += 300
        assert queue.stalled() == 0, "nothing is due"
        for number in range(500):
            queue.add(str(number))
        for _ in range(3):
            clock.now += 100
            queue.done(await queue.take(), 1000.0)
            assert queue.stalled() == 0
        assert queue.overdue() == 300
        await queue.take()
        clock.now += 130
        assert queue.stalled() == 130

    run(body)


ORDERS: dict[str, tuple[list[str], list[str]]] = {
    "the urgent one goes first, though it came last": (["a", "b", "URGENT"], ["URGENT", "a", "b"]),
    "urgent ones among themselves go in turn": (["ONE", "a", "TWO"], ["ONE", "TWO", "a"]),
    "without any all go in turn": (["a", "b"], ["a", "b"]),
}


@pytest.mark.parametrize("case", ORDERS)
def test_who_is_urgent_goes_first(case: str) -> None:
    added, order = ORDERS[case]

    async def test() -> None:
        queue = WorkQueue[str](Clock(), urgent=str.isupper)
        for key in added:
            queue.add(key)
        assert await taken(queue) == order

    run(test)


def test_a_key_that_becomes_urgent_while_it_waits_goes_first_when_it_is_named_again() -> None:
    async def test() -> None:
        urgent: set[str] = set()
        queue = WorkQueue[str](Clock(), urgent=urgent.__contains__)
        for key in ("a", "b", "c"):
            queue.add(key)
        urgent.add("c")
        queue.add("c")
        queue.add("c")
        assert await taken(queue) == ["c", "a", "b"], "and once"

    run(test)


def test_an_urgent_key_that_is_not_due_keeps_nobody_waiting() -> None:
    async def test() -> None:
        clock = Clock()
        queue = WorkQueue[str](clock, urgent=str.isupper)
        queue.add("LATER", 5)
        queue.add("a")
        assert await taken(queue) == ["a"]
        clock.now += 5
        assert await taken(queue) == ["LATER"]

    run(test)


def test_a_worker_is_always_free_for_an_urgent_key() -> None:
    async def test() -> None:
        queue = WorkQueue[str](Clock(), urgent=str.isupper, ordinary=2)
        for key in ("a", "b", "c"):
            queue.add(key)
        assert await taken(queue) == ["a", "b"], "no third one"
        queue.add("URGENT")
        assert await taken(queue) == ["URGENT"]
        queue.done("a", 60)
        assert await taken(queue) == ["c"]

    run(test)


def test_urgent_keys_do_not_starve_the_others() -> None:
    async def test() -> None:
        queue = WorkQueue[str](Clock(), urgent=str.isupper)
        queue.add("a")
        order = []
        for _ in range(30):
            for key in ("ONE", "TWO"):
                queue.add(key)
            order.append(await queue.take())
            queue.gone(order[-1])
        assert "a" in order

    run(test)


def test_between_two_passes_all_else_has_its_turn() -> None:
    async def test() -> None:
        queue = WorkQueue[str]()
        turns: list[str] = []

        async def one_pass(key: str) -> None:
            turns.append(key)
            queue.gone(key)

        async def another() -> None:
            turns.append("another")

        for key in ("a", "b", "c"):
            queue.add(key)
        worker = asyncio.create_task(work(queue, one_pass))
        await asyncio.create_task(another())
        worker.cancel()
        assert turns[:2] == ["a", "another"], "a pass that waits for nothing is one step of the event loop"

    run(test)


@pytest.mark.parametrize("steps", range(5))
def test_a_worker_that_is_told_to_end_just_as_a_key_comes_ends(steps: int) -> None:
    async def test() -> None:
        queue = WorkQueue[str]()
        queue.add("later", 60.0)
        worker = asyncio.create_task(queue.take())
        await asyncio.sleep(0.01)
        queue.add("even later", 120.0)
        for _ in range(steps):  # of the event loop, in which the news reaches it
            await asyncio.sleep(0)
        worker.cancel()
        await asyncio.wait({worker}, timeout=1)
        assert worker.cancelled(), "or the process never ends"

    run(test)


def test_how_late_it_is_can_be_read_from_another_thread() -> None:
    """As the page of metrics does, which answered with 500 now and then while thousands came and went."""
    usual = sys.getswitchinterval()

    async def test() -> None:
        queue = WorkQueue[str]()
        loop = asyncio.get_running_loop()
        reading = loop.run_in_executor(None, lambda: [queue.overdue() for _ in range(300)])
        turn = 0
        while not reading.done():
            for number in range(200):
                queue.add(f"key {turn} {number}", 60)
            for number in range(200):
                queue.forget(f"key {turn - 20} {number}")
            turn += 1
            await asyncio.sleep(0)
        assert len(await reading) == 300

    sys.setswitchinterval(1e-6)  # the threads take turns in the middle of everything
    try:
        run(test)
    finally:
        sys.setswitchinterval(usual)
