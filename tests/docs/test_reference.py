"""The reference page shows the types as they are."""

from __future__ import annotations

from tests.docs.reference import PAGE, page


def test_reference_is_what_the_types_say() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"
