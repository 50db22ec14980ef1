"""The measured page is of the operator's own, with as many rollouts as it says."""

from __future__ import annotations

import asyncio

from bench.page.__main__ import measured, telemetry_of


def test_the_page_is_the_operators_of_so_many_rollouts() -> None:
    telemetry = telemetry_of(20, 5)
    text = telemetry.render()
    assert text.count("modelrollout_phase{") == 20
    assert text.count('phase="Progressing"} 1') == 5
    assert text.count("modelrollout_candidate_requests{") == 5 * 2
    size, *_ = asyncio.run(measured(telemetry.render))
    assert size == len(text) / 1e6
