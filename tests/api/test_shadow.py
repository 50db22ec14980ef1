"""``spec.validation.shadow``: its defaults, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from modelrollout.api.base import to_json
from modelrollout.api.shadow import Compare, How, Shadow


def test_what_is_not_written() -> None:
    shadow = Shadow()
    assert (shadow.percent, shadow.duration, shadow.min_compared, shadow.timeout) == (10, 600.0, 200, 2.0)
    assert (shadow.max_body, shadow.noise_sample) == (1024**2, 10.0)
    assert (shadow.max_disagreement, shadow.max_psi, shadow.compare.show) == (None, None, ())


SIZES = {"4Mi": 4194304, "256Ki": 262144, "2k": 2000, "1M": 1000000, "1024": 1024, "1536": 1536}


@pytest.mark.parametrize(("written", "size"), SIZES.items())
def test_sizes_are_the_same_when_they_come_back(written: str, size: int) -> None:
    shadow = Shadow.model_validate({"maxBody": written})
    assert shadow.max_body == size
    assert Shadow.model_validate(to_json(shadow)) == shadow


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no percent": ({"percent": 0}, "greater than 0"),
    "more than all": ({"percent": 101}, "less than or equal to 100"),
    "nothing compared": ({"minCompared": 0}, "greater than or equal to 1"),
    "no timeout": ({"timeout": "0s"}, "must be longer than 0s"),
    "a body of a kilobyte": ({"maxBody": "1k"}, "must be from 1Ki to 4Mi"),
    "a body that stalls users": ({"maxBody": "6Mi"}, "must be from 1Ki to 4Mi"),
    "a body in words": ({"maxBody": "large"}, "'large' is no size in bytes; write for example 256Ki or 1Mi"),
    "all may differ": ({"maxDisagreement": 1}, "less than 1"),
    "a rank of classes": ({"compare": {"topK": 3}}, "topK goes with by: TopK"),
    "a rank of numbers": ({"compare": {"outputs": [{"name": "a", "by": "Numbers", "topK": 3}]}}, "goes with by: TopK"),
    "an output without a name": ({"compare": {"outputs": [{"by": "Ignore"}]}}, "Field required"),
    "a setting that there is not": ({"maxFlips": 0.1}, "Extra inputs are not permitted"),
}


@pytest.mark.parametrize(("given", "words"), REFUSED.values(), ids=REFUSED)
def test_it_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as error:
        Shadow.model_validate(given)
    assert words in str(error.value)


def test_a_ranking_has_five_places_where_nobody_says() -> None:
    assert Compare(by=How.TOP_K).length == 5
    assert Compare(by=How.TOP_K, top_k=3).length == 3
    assert Compare().length == 1
