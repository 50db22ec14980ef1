"""Every row of the table "what each input leads to", and that the page shows these rows."""

from __future__ import annotations

import pytest

from tests.core.what_happens import PAGE, ROWS, Row, page


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.input)
def test_row(row: Row) -> None:
    row.proof()


def test_page_is_what_the_tests_prove() -> None:
    assert PAGE.read_text() == page(), "run `make docs`"
