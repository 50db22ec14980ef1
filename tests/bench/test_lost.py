"""``bench.lost``: from when to when is measured, and that one late rollback is too many."""

from __future__ import annotations

import pytest

from bench.lost.measures import Case, Run, measure, met
from bench.lost.report import section
from bench.rollback.measures import Routes
from e2e.client import Answer

CASE = Case("slow", hangs=False, grpc=False, patience=0.1)
ALONE, SPLIT = {"1.0.1": 100}, {"1.0.1": 80, "1.1.2": 20}
ROUTES: Routes = [(0.0, ALONE), (10.0, SPLIT), (20.0, ALONE)]


def given_up(at: float) -> Answer:
    return Answer(at, 0.5, None, error="Timeout")


def test_it_is_measured_from_the_first_lost_answer_to_the_route_without_the_version() -> None:
    answers = [Answer(11.0, 0.1, 200, version="1.1.2"), given_up(12.0), given_up(15.0), given_up(20.0)]
    assert measure(answers, ROUTES, "1.1.2", 0.0) == Run(back=7.5, last=8.0, lost=3, under_way=1)


def test_what_was_lost_before_the_version_had_requests_or_the_fault_began_does_not_count() -> None:
    answers = [given_up(5.0), given_up(11.0), given_up(14.0)]
    assert measure(answers, ROUTES, "1.1.2", 0.0).back == 8.5
    assert measure(answers, ROUTES, "1.1.2", 13.0).back == 5.5


@pytest.mark.parametrize(
    ("answers", "routes"),
    [([given_up(12.0)], [(0.0, ALONE)]), ([], ROUTES), ([given_up(21.0)], ROUTES)],
    ids=["never had requests", "nothing lost", "back before anything was lost"],
)
def test_nothing_is_measured_where_there_is_nothing(answers: list[Answer], routes: Routes) -> None:
    with pytest.raises(ValueError, match=r"1\.1\.2|no answer"):
        measure(answers, routes, "1.1.2", 0.0)


def test_one_late_rollback_is_too_many() -> None:
    assert met({CASE: [Run(15.0, 15.0, 9, 0)]})
    assert not met({CASE: [Run(3.0, 3.0, 9, 0), Run(15.1, 15.0, 9, 0)]})


def test_the_section_has_a_line_for_each_case() -> None:
    text = section({CASE: [Run(3.0, 3.5, 9, 1), Run(5.0, 5.5, 11, 0), Run(14.0, 15.0, 20, 2)]})
    assert "3 rollbacks of each kind" in text
    assert "| slow | 3 / 5 / 14 | 3.5 / 5.5 / 15 | 9 / 11 / 20 | 0 / 1 / 2 |" in text
