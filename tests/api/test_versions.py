"""Versions: their order, their forms in names and in TensorFlow Serving, what is none."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.api.version import ModelVersion

NUMBERS = st.integers(0, 999_999)
VERSIONS = st.builds(ModelVersion, NUMBERS, NUMBERS, NUMBERS)


def test_order_is_by_number_not_by_text() -> None:
    given_order = ["10.0.1", "2.4.1187", "2.10.3", "2.4.999", "2.4.1000"]
    ordered = sorted(given_order, key=ModelVersion.parse)
    assert ordered == ["2.4.999", "2.4.1000", "2.4.1187", "2.10.3", "10.0.1"]


@given(VERSIONS)
def test_text_reads_back_as_it_was(version: ModelVersion) -> None:
    assert ModelVersion.parse(str(version)) == version


@given(VERSIONS, VERSIONS)
def test_every_two_versions_are_ordered(one: ModelVersion, other: ModelVersion) -> None:
    assert (one < other) + (other < one) + (one == other) == 1


@given(VERSIONS, VERSIONS)
def test_different_versions_have_different_slugs(one: ModelVersion, other: ModelVersion) -> None:
    assert (one.slug == other.slug) == (one == other)


def test_forms() -> None:
    version = ModelVersion.parse("2.4.1187")
    assert (str(version), version.slug, version.serving_number) == ("2.4.1187", "2-4-1187", 1187)


def test_the_greatest_serving_number_fits_what_tensorflow_serving_takes() -> None:
    assert ModelVersion.parse("0.0." + "9" * 18).serving_number < 2**63


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2.4",
        "2.4.1187.0",
        "v2.4.1187",
        "2.04.1",
        "2.4.-1",
        "2.4.1 ",
        "2.4.1\n",
        "2.4.١",
        "2.4.x",
        "0.0." + "9" * 19,
    ],
)
def test_no_version(text: str) -> None:
    with pytest.raises(
        ValueError, match=re.escape(f"version {text!r} is not MAJOR.MINOR.PIPELINE; write for example 2.4.1187")
    ):
        ModelVersion.parse(text)
