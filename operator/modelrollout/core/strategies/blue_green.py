"""Blue/green: green is checked at weight 0, then gets all requests in one switch; blue stays warm through the bake."""

from __future__ import annotations

from modelrollout.api.rollout import Strategy as StrategySpec
from modelrollout.api.status import Release
from modelrollout.api.strategy import BlueGreen, Header
from modelrollout.core.observation import SmokeResult
from modelrollout.core.plan import Reason
from modelrollout.core.strategies.base import Fail, Hold, Move, Position, Probed, Switch


class BlueGreenStrategy:
    """Smoke requests, then a person's word if wanted, then the switch."""

    def next(self, position: Position) -> Move:
        """Only asked while green does not have all requests yet."""
        settings = _blue_green(position.spec)
        if settings.smoke is not None and not position.release.smoke_passed:
            return judge_smoke(position.smoke, position.release.smoke_attempts, settings.smoke.attempts)
        if settings.approval and position.release.approved_step is None:
            return Hold("the switch waits for approval: modelrollout promote", approval=True)
        return Switch("green is ready" + (" and its smoke requests passed" if settings.smoke else ""))

    def bake(self, spec: StrategySpec) -> float:
        """Seconds."""
        return _blue_green(spec).bake

    def steps(self, spec: StrategySpec) -> int:
        """One: the switch."""
        return 1

    def preview(self, spec: StrategySpec) -> Header | None:
        """The header that reaches green before the switch."""
        return _blue_green(spec).preview

    def wants_smoke(self, spec: StrategySpec, release: Release, weight: int) -> bool:
        """Until they have passed, while green has no traffic."""
        return _blue_green(spec).smoke is not None and not release.smoke_passed and weight == 0


def judge_smoke(result: SmokeResult | None, attempts: int, allowed: int) -> Move:
    """What a set of smoke requests leads to. No answer of the probe is no failure: it is sent again."""
    if result is not None and result.obstacle is not None:
        return Hold(f"smoke requests do not reach green: {result.obstacle}")
    if result is None or result.sent == 0:
        return Hold("smoke requests to green are under way", under_way=True)
    if result.passed:
        return Probed(True, f"{result.sent} smoke requests to green were answered well")
    words = f"{len(result.failures)} of {result.sent} smoke requests failed: {'; '.join(result.failures[:3])}"
    if attempts + 1 >= allowed:
        return Fail(Reason.SMOKE_FAILED, f"{words} (attempt {attempts + 1} of {allowed}); no switch")
    return Probed(False, f"{words} (attempt {attempts + 1} of {allowed}); sent again")


def _blue_green(spec: StrategySpec) -> BlueGreen:
    assert spec.blue_green is not None
    return spec.blue_green
