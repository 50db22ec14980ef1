"""bench.shadow: what pairs of windows say of the waits of users."""

from __future__ import annotations

import pytest

from bench.shadow.measures import Round, Window, interval, is_within_noise
from bench.shadow.report import Cost, section
from e2e.client import Answer


def answers(*seconds: float, failed: int = 0) -> list[Answer]:
    """One request a second; the first of them failed."""
    return [Answer(float(at), wait, 500 if at < failed else 200) for at, wait in enumerate(seconds)]


def test_a_window_has_the_requests_that_were_due_in_it() -> None:
    found = Window.of(answers(0.9, *[0.010] * 98, 0.5, 0.7, failed=2), 1.0, 100.0)
    assert found == Window((10.0, 500.0), 99, 1)
    with pytest.raises(ValueError, match="no request"):
        Window.of(answers(0.1), 5.0, 9.0)


def of(shadowed: tuple[float, float], plain: tuple[float, float]) -> Round:
    """Windows with these p99."""
    windows = [Window((5.0, value), 1500, 0) for value in (*shadowed, *plain)]
    return Round((windows[0], windows[1]), (windows[2], windows[3]))


CASES: dict[str, tuple[list[Round], bool]] = {
    "the same": ([of((20, 22), (21, 21)), of((19, 21), (22, 18)), of((24, 20), (20, 22))], True),
    "longer by as much as windows of one kind differ": ([of((22, 26), (20, 24))] * 6, True),
    "longer by more": ([of((40, 41), (20, 21)), of((39, 41), (20, 22)), of((41, 40), (21, 20))], False),
}


@pytest.mark.parametrize(("rounds", "within"), CASES.values(), ids=CASES)
def test_what_is_within_noise(rounds: list[Round], within: bool) -> None:
    assert is_within_noise(rounds, seed=1) is within


def test_an_interval_holds_the_mean() -> None:
    low, high = interval([1.0, 2.0, 3.0, 4.0], seed=1)
    assert low < 2.5 < high


def test_the_section_names_both() -> None:
    text = section(CASES["longer by more"][0], Cost(98.4, 81.2, 0.311), 15.0, 100.0, seed=1, load=7.9)
    assert "| p99 | 20.5 | 40.5 | +19.7 (+" in text
    assert "within noise: missed" in text
    assert "| memory, working set | 81 MiB |" in text
    assert "Of 18000 answers none failed." in text
    assert "(load average of five\nminutes): 7.9, where there are" in text
