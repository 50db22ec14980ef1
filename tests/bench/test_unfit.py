"""bench.unfit: from when on a version is known to be unfit, and the table."""

from __future__ import annotations

from typing import Any

import pytest

from bench.unfit.__main__ import has_ended, section


def pod(name: str, **states: Any) -> dict[str, Any]:
    return {"status": {"containerStatuses": [{"name": name, **states}]}}


ENDED = {"terminated": {"exitCode": 255}}
CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "runs": (pod("serving", state={"running": {}}, lastState={}), False),
    "has ended": (pod("serving", state=ENDED, lastState={}), True),
    "is started again": (pod("serving", state={"waiting": {}}, lastState=ENDED), True),
    "ended well": (pod("serving", state={"terminated": {"exitCode": 0}}), False),
    "a side car ended": (pod("istio-proxy", state=ENDED), False),
    "is new": ({"status": {}}, False),
}


@pytest.mark.parametrize(("found", "ended"), CASES.values(), ids=CASES)
def test_when_a_server_has_ended(found: dict[str, Any], ended: bool) -> None:
    assert has_ended(found) is ended


def test_the_table() -> None:
    text = section({"unloadable": [0.1, 0.3, 0.2], "permuted": [2.0, 3.0, 1.0]}, 900)
    assert "none of their 900 answers came from an unfit version" in text
    assert "| its server ended with an error -> quarantined | 3 | 0.10 | 0.20 | 0.30 | <= 10 s |" in text
