"""What `describe` and `get` show of a version that is looked at before any traffic."""

from __future__ import annotations

from modelrollout.cli.render import tree
from modelrollout.cli.render_detail import detail
from modelrollout.cli.text import plain
from modelrollout.cli.view import View
from tests.core.test_validation import AWAY, HELD, NEW, ROWS, SAMPLES, answered, required
from tests.core.world import World


def lines_of(world: World, title: str) -> list[str]:
    """One block of `describe`."""
    text = "\n".join(plain(content) for content in detail(View(world.rollout, world.now), []))
    return next(part for part in text.split("\n\n") if part.startswith(title)).splitlines()


def test_why_it_is_held() -> None:
    world = required()
    world.probed = AWAY
    world.apply(version=NEW).run(15)
    assert lines_of(world, "Before any traffic") == [
        "Before any traffic",
        f"  {NEW}   signature   Unknown   {HELD}",
    ]
    shown = [plain(content) for content in tree(View(world.rollout, world.now))]
    assert shown[1] == "Validating  canary, step 0/2"
    assert shown[2].startswith(f"{NEW} is held before any traffic: {HELD}; {NEW} fails at ")
    assert any("fails in 1m" in one and "unless that comes" in one for one in shown)


def test_a_row_for_each_check() -> None:
    world = required(samples=SAMPLES)
    world.probed = answered(*ROWS)
    world.apply(version=NEW).run(15)
    rows = lines_of(world, "Before any traffic")[1:]
    assert [row.split()[1:3] for row in rows] == [
        ["signature", "Pass"],
        ["answers", "Pass"],
        ["form", "Pass"],
        ["sameTwice", "Pass"],
        ["varied", "Pass"],
        ["latency", "Pass"],
    ]
    assert rows[-1].endswith("the slowest answer took 20 ms; the first request of all took 500 ms")
    assert any("validation" in line and "samples (2)" in line for line in lines_of(world, "Spec"))
