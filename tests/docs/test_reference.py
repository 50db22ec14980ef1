"""The generated pages show the code as it is."""

from __future__ import annotations

from tests.docs import reference, settings


def test_reference_is_what_the_types_say() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run `make docs`"


def test_every_field_is_described() -> None:
    rows = [line for line in reference.page().splitlines() if line.startswith("| `")]
    assert [row for row in rows if len(row.split(" | ")[-1]) < 5] == []


def test_settings_are_what_the_operator_reads() -> None:
    assert settings.PAGE.read_text() == settings.page(), "run `make docs`"
