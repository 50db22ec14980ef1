"""Replays: each copy to the control and to every arm, at the same moment and in random order.

In random order, because whoever is asked second finds warm caches. Control is asked a second time for a sample of the
copies: how often a version differs from itself is the noise. And where an arm differs, both are asked more often, so
that a difference which is there every time can be told from one which is not.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modelrollout.comparison.copy import Copy
from modelrollout.comparison.reply import Reply
from modelrollout.comparison.servers import Servers
from modelrollout.comparison.tally import TWICE, Doubtful, Tally
from modelrollout.comparison.waiting import Waiting

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Replays:
    """``noise`` is the part of the copies for which control is asked twice."""

    control: str
    arms: tuple[str, ...]
    noise: float
    waiting: Waiting
    servers: Servers
    tally: Tally
    rng: np.random.Generator

    async def run(self) -> None:
        """One after the other, for ever. Several of these run at the same time."""
        while True:
            copy = await self.waiting.next()
            try:
                await self.replay(copy)
            except Exception as error:  # a fault of ours in one comparison must not end all the others
                said = "a request of %d bytes by %s was not compared: %s"
                log.error(said, len(copy.body), copy.protocol, _fault(error))

    async def replay(self, copy: Copy) -> None:
        """One copy."""
        twice = [self.control] if self.rng.random() < self.noise else []
        first, *others = await self._ask(copy, [self.control, *self.arms, *twice])
        second = others.pop() if twice else None
        doubtful = self.tally.count(first, second, dict(zip(self.arms, others, strict=True)))
        if doubtful is not None:
            await self._again(copy, doubtful)

    async def _again(self, copy: Copy, doubtful: Doubtful) -> None:
        arms = list(doubtful.arms)
        more = TWICE - len(doubtful.control)
        replies = await self._ask(copy, [*arms, *[self.control] * more])
        control = [*doubtful.control, *replies[len(arms) :]]
        self.tally.count_again(doubtful, control, dict(zip(arms, replies, strict=False)))

    async def _ask(self, copy: Copy, versions: Sequence[str]) -> list[Reply]:
        """Each version, one at a time, in random order; the replies in the order of the versions."""
        replies = {index: await self.servers.ask(versions[index], copy) for index in self._order(len(versions))}
        return [replies[index] for index in range(len(versions))]

    def _order(self, length: int) -> list[int]:
        order: list[int] = self.rng.permutation(length).tolist()
        return order


def _fault(error: BaseException) -> str:
    """Which it is and where, without its words: they may have in them what was asked or answered."""
    frames = traceback.extract_tb(error.__traceback__)
    return f"{type(error).__name__} in " + ", ".join(f"{frame.name}:{frame.lineno}" for frame in frames)
