"""What `describe` and `get` show of a version that is compared in the shadow, and afterwards."""

from __future__ import annotations

from modelrollout.api.base import format_timestamp
from modelrollout.cli.render import one_line, tree
from modelrollout.cli.text import plain
from modelrollout.cli.view import View
from tests.cli.test_validation import lines_of
from tests.core.copies import Answers
from tests.core.shadows import NEW, released
from tests.core.test_shadow_unseen import DEAD
from tests.core.world import World

DIFFERS = (
    "{} of {} answers of 1.1.2 differ from 1.0.1's (10 %), {} of them each time; 1.0.1 differs from itself in 0 of {}"
)


def seen(world: World) -> list[str]:
    """What `get` shows first."""
    return [plain(content) for content in tree(View(world.rollout, world.now))][1:3]


def test_how_many_were_compared_and_how_long_it_takes() -> None:
    world = released(answers=Answers(different=0.1), minCompared=200, percent=25).run(15)
    sentence = f"{NEW} is in the shadow: {DIFFERS.format(10, 100, 10, 10)}; 100 of minCompared 200 were compared"
    assert seen(world) == ["Shadowing  canary, step 0/2", sentence]
    assert one_line(world.rollout).startswith("Shadowing, stable 1.0.1 100 %, candidate 1.1.2 0 % 1/1 ready, step 0/2")
    world.run(10)
    ends = format_timestamp(world.now + 40)[11:19]
    assert seen(world)[1].endswith(f"{DIFFERS.format(20, 200, 20, 20)}; it ends at {ends} UTC")


def test_what_is_known_so_far_and_what_is_asked() -> None:
    world = released(answers=Answers(different=0.1), percent=25).run(10)
    assert [row.split()[1:5] for row in lines_of(world, "Before any traffic")[1:]] == [
        ["signature", "Pass", "callers", "of"],
        ["shadow", "errors", "so", "far"],
        ["shadow", "answers", "so", "far"],
        ["shadow", "scores", "so", "far"],
    ]
    [shadow] = [line for line in lines_of(world, "Spec") if line.startswith("  shadow")]
    assert shadow.split(maxsplit=1)[1] == (
        "copies of 25 % of the requests, for 1m and 100 answers; differences are reported"
    )


def test_limits_are_told() -> None:
    world = released(maxDisagreement=0.025, maxPSI=0.2)
    [shadow] = [line for line in lines_of(world, "Spec") if line.startswith("  shadow")]
    assert shadow.endswith("; at most 2.5 % differ, maxPSI 0.2")


def test_why_nothing_can_be_seen() -> None:
    world = released().run(10)
    world.copies.unseen = DEAD
    world.run(20)
    assert seen(world)[1].startswith(f"{NEW} is in the shadow: {DEAD}; {NEW} fails at ")


def test_what_came_of_it_stays_with_the_version() -> None:
    world = released(answers=Answers(different=0.1)).run(65)
    rows = lines_of(world, "Before any traffic")[1:]
    assert [row.split()[1:4] for row in rows] == [
        ["signature", "Pass", "callers"],
        ["shadow", "errors", "Pass"],
        ["shadow", "answers", "Reported"],
        ["shadow", "scores", "Pass"],
    ]
    world.run(200)
    assert lines_of(world, "Before any traffic")[1:] == rows, "it serves now"


def test_what_speaks_against_a_version_is_in_the_table_though_it_is_gone() -> None:
    world = released(answers=Answers(different=0.3), maxDisagreement=0.02).run(20)
    rows = lines_of(world, "Before any traffic")
    assert rows[3].split()[1:4] == ["shadow", "answers", "Fail"]
    assert rows[3].endswith("; maxDisagreement is 2 %")
    assert "no request reached it" in seen(world)[1]
