"""The Lease: one writer at any time.

A replica that does not hold it does nothing at all. The holder renews it every few seconds; when it cannot for most of
the Lease's duration it stops working before another may start. Others take a Lease that they have not seen renewed for
its whole duration, by their own clocks, so clocks need not agree. On an orderly end the Lease is given back, and the
next replica goes on at once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from modelrollout.adapters.cluster import LEASES, ApiError, Cluster, Object

log = logging.getLogger(__name__)

_GIVE_UP = 0.8  # of the duration: the rest is for the last requests under way
_ONE_TRY = 0.3  # of the duration: a request that hangs, on a connection that is dead, must leave time for another


class LeaseLost(Exception):
    """Another replica has, or may soon have, the Lease. Nothing may be written any more."""


@dataclass(slots=True)
class Lease:
    """One Lease as one replica sees it. ``duration`` and ``renew_every`` in seconds."""

    cluster: Cluster
    namespace: str
    name: str
    holder: str
    duration: float
    renew_every: float
    clock: Callable[[], float] = time.monotonic
    _seen: tuple[str, str] = field(default=("", ""), init=False)  # holder and time of renewal, as last read
    _seen_at: float = field(default=float("-inf"), init=False)  # by our clock
    _renewed_at: float = field(default=float("-inf"), init=False)  # when the last renewal was sent, by our clock

    async def acquire(self) -> None:
        """Returns once this replica holds the Lease."""
        waiting_for = ""
        while True:
            holder = await self._try()
            if holder == self.holder:
                log.info("this replica, %s, holds the Lease %s", self.holder, self.name)
                return
            if holder and holder != waiting_for:
                log.info("the Lease %s is held by %s; this replica stands by", self.name, holder)
                waiting_for = holder
            await asyncio.sleep(self.renew_every / 2)

    async def keep(self) -> None:
        """Renew for ever. Raises LeaseLost."""
        while True:
            await asyncio.sleep(self.renew_every)
            holder = await self._try(min(self._left(), self.duration * _ONE_TRY))
            if holder not in (None, self.holder):
                raise LeaseLost(f"the Lease {self.name} is held by {holder} now")
            if self._left() <= self.renew_every:
                silent = self.clock() - self._renewed_at
                raise LeaseLost(f"the Lease {self.name} could not be renewed for {silent:.1f} s")

    def _left(self) -> float:
        """Seconds until this replica must have ended, if it is not renewed."""
        return self._renewed_at + self.duration * _GIVE_UP - self.clock()

    async def release(self) -> None:
        """Give the Lease back, if it is ours; failing to is no harm, it runs out."""
        try:
            async with asyncio.timeout(2.0):
                live = await self.cluster.get(LEASES, self.namespace, self.name)
                if live is not None and live["spec"].get("holderIdentity") == self.holder:
                    live["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                    await self.cluster.replace(LEASES, live)
                    log.info("the Lease %s is given back", self.name)
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            log.info("the Lease %s could not be given back: %s", self.name, error)

    async def _try(self, limit: float | None = None) -> str | None:
        """Take or renew the Lease if that is allowed; who holds it then, None when that cannot be told."""
        asked = self.clock()
        try:
            async with asyncio.timeout(max(0.1, limit) if limit is not None else self.duration):
                live = await self.cluster.get(LEASES, self.namespace, self.name)
                if live is None:
                    await self.cluster.create(LEASES, self._fresh())
                elif self._may_take(live):
                    await self.cluster.replace(LEASES, self._renewed(live))
                else:
                    return str(live["spec"]["holderIdentity"])
                self._renewed_at = asked
                return self.holder
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            log.warning("the Lease %s: %s", self.name, str(error) or "no answer in time")
            return None

    def _may_take(self, live: Object) -> bool:
        """Ours, given back, or not renewed for its whole duration while we watched."""
        spec = live["spec"]
        holder, renewed = spec.get("holderIdentity") or "", spec.get("renewTime") or ""
        if (holder, renewed) != self._seen:
            self._seen, self._seen_at = (holder, renewed), self.clock()
        expired = self.clock() > self._seen_at + float(spec.get("leaseDurationSeconds") or self.duration)
        return holder in ("", self.holder) or expired

    def _fresh(self) -> Object:
        return {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": self._terms(),
        }

    def _renewed(self, live: Object) -> Object:
        """With the resource version of what was read, so that of two who try only one succeeds."""
        spec = live["spec"]
        terms = self._terms()
        if spec.get("holderIdentity") == self.holder:
            terms["acquireTime"] = spec.get("acquireTime", terms["acquireTime"])
        terms["leaseTransitions"] = spec.get("leaseTransitions", 0) + (spec.get("holderIdentity") != self.holder)
        return {**live, "spec": {**spec, **terms}}

    def _terms(self) -> Object:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        return {
            "holderIdentity": self.holder,
            "leaseDurationSeconds": max(1, round(self.duration)),
            "acquireTime": now,
            "renewTime": now,
        }
