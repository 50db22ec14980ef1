"""The generated pages show the code as it is."""

from __future__ import annotations

from tests.docs import reference, settings


def test_reference_is_what_the_types_say() -> None:
    assert reference.PAGE.read_text() == reference.page(), "run `make docs`"


def test_settings_are_what_the_operator_reads() -> None:
    assert settings.PAGE.read_text() == settings.page(), "run `make docs`"
