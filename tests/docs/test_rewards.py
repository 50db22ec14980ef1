"""``docs/rewards.md``: what it shows is run, against a gateway that runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.rewards.running import Running, gateway, operator, until
from modelrollout.adapters.metrics.base import Target
from modelrollout.adapters.metrics.custom import fill
from modelrollout.rewards.refusal import STATUS
from tests.docs.test_snippets import FENCE, ROOT
from tests.rewards.stage import NAMES, SEGMENT, TRIAL, decision

PAGE = (ROOT / "docs" / "rewards.md").read_text()
SHOWN = "http://modelrollout-rewards.modelrollout-system/v1/rewards"
KEY = "0123456789abcdef"


def blocks(language: str) -> list[str]:
    return [text for name, text in FENCE.findall(PAGE) if name == language]


def python(running: Running) -> dict[str, Any]:
    """What the snippets define."""
    names: dict[str, Any] = {}
    for text in blocks("python"):
        exec(compile(text.replace(SHOWN, f"http://{running.address}/v1/rewards"), "docs/rewards.md", "exec"), names)
    return names


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """With the trial that the page shows, and a window that goes back to it."""
    with operator(TRIAL) as url, gateway(tmp_path / "log", "--operator", url, "--window", "3000d") as made:
        until(made.is_ready, "it is ready")
        yield made


@pytest.mark.skipif(shutil.which("curl") is None, reason="needs curl")
def test_curl(running: Running) -> None:
    (text,) = blocks("sh")
    done = subprocess.run(
        ["sh", "-c", text.replace(SHOWN, f"http://{running.address}/v1/rewards")], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, '{"accepted": 1, "refused": []}')


def test_the_snippet_counts_each_outcome_once(running: Running) -> None:
    report = python(running)["report"]
    outcomes = [(decision(at=int(time.time()), request=number), number % 2) for number in range(10)]
    assert [report(outcomes), report(outcomes)] == [10, 0]
    assert f"modelrollout_reward_sum_total{{{SEGMENT}}} 5\n" in running.get("/metrics").text
    with pytest.raises(ValueError, match="TooLarge"):
        report(outcomes * 101)


def test_the_snippet_signs(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text(KEY)
    options = ("--hmac-key-file", str(tmp_path / "keys"))
    with operator(TRIAL) as url, gateway(tmp_path / "log", "--operator", url, *options) as running:
        until(running.is_ready, "it is ready")
        assert running.post([]).status_code == 401
        signed = {"X-Signature": python(running)["signature"](KEY, b"[]")}
        assert running.post([], signed).status_code == 200


def test_the_queries_are_of_what_is_shown(running: Running) -> None:
    """As plain selectors, of which every label is one of the series'."""
    manifest = next(item for item in map(yaml.safe_load, blocks("yaml")) if item.get("kind") == "ModelRollout")
    (metric,) = (item for item in manifest["spec"]["analysis"]["metrics"] if item["name"] != "errors")
    page = running.get("/metrics").text
    for query in (metric["successes"], metric["trials"]):
        filled = fill(query, Target("prod", "fraud", "2.4.1187"))
        assert filled.endswith(f"{{{NAMES}}}")
        assert f"\n{filled[:-1]}," in page


def test_every_series_and_every_reason_is_described(running: Running) -> None:
    shown = set(re.findall(r"^# TYPE (\w+)", running.get("/metrics").text, re.M))
    assert {name for name in shown if f"`{name}`" not in PAGE} == set()
    rows = [row for row in PAGE.splitlines() if re.match(r"\| \d{3} \|", row)]
    for reason, status in STATUS.items():
        assert any(row.startswith(f"| {status} |") and f"`{reason}`" in row for row in rows), reason
