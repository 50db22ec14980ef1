"""Numbers as people read them."""

from __future__ import annotations

import pytest

from modelrollout.core.evidence import percent

SHARES = {
    0.0: "0 %",
    0.0000123: "0.0012 %",
    0.0049: "0.49 %",
    0.0491: "4.9 %",
    0.45: "45 %",
    0.99: "99 %",
    239 / 240: "99.6 %",
    0.99999: "100 %",
    1.0: "100 %",
}


@pytest.mark.parametrize(("share", "words"), SHARES.items())
def test_a_share_has_two_significant_digits_and_no_exponent(share: float, words: str) -> None:
    assert percent(share) == words
