"""One pattern, three readers: Python, pydantic and the API server (RE2) take the same strings, whatever they are.

The strings are made from the patterns themselves, then bent a little, so that most are near the border.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelrollout.api.base import DURATION_PATTERN
from modelrollout.api.rules import HEADER, LABEL, OBJECT_NAME
from modelrollout.api.version import VERSION_PATTERN
from modelrollout.resource.rollout import SpecError, parse_spec
from tests.api.conftest import ROLLOUTS
from tests.api.test_spec_errors import GOOD
from tests.apiserver import ApiServer

pytestmark = pytest.mark.apiserver

URI = r"(pvc|file|https|s3)://[a-z]{0,2}(/(\.|\.\.|%2e%2E|[a-z%?#\\])*){0,3}"
QUERY = r"(m|\{|\}|\{\{ ?(version|workload|model) ?\}\}|=)*"
CLICKS = {"name": "clicks", "successes": "a_total{v='{{ version }}'}", "trials": "b_total{v='{{ version }}'}"}

# Where the string is put, and what strings look like there.
FIELDS: dict[str, tuple[tuple[str | int, ...], str]] = {
    "model name": (("model", "name"), r"[A-Za-z0-9_.-]+"),
    "version": (("model", "version"), VERSION_PATTERN),
    "digest": (("model", "digest"), r"sha256:[0-9a-f]{64}"),
    "uri": (("model", "uri"), URI),
    "host": (("traffic", "hosts", 0), rf"{LABEL}(\.{LABEL})?"),
    "gateway": (("traffic", "gateways", 0), rf"({LABEL}/)?{LABEL}"),
    "duration": (("strategy", "canary", "bake"), DURATION_PATTERN),
    "duration above zero": (("serving", "loadTimeout"), r"0?[0-9]{1,2}(\.0)?(ms|s|m|h|d)"),
    "header": (("strategy", "blueGreen", "preview", "name"), HEADER.pattern),
    "config map": (("strategy", "blueGreen", "smoke", "configMap"), OBJECT_NAME.pattern),
    "metric": (("analysis", "metrics", 0, "name"), r"[a-z]([a-z0-9-]*[a-z0-9])?"),
    "query": (("analysis", "metrics", 0, "trials"), QUERY),
    "body size": (("validation", "shadow", "maxBody"), r"[0-9]{1,8}(k|M|Ki|Mi|Gi|m)?"),
    "quantity": (("serving", "resources", "limits", "cpu"), r"[0-9]{1,3}(\.[0-9])?([eE]-?[0-9]|m|k|Ki|Gi)?"),
}
AROUND: dict[str, dict[str, Any]] = {
    "header": {"strategy": {"blueGreen": {"preview": {"name": "", "value": "green"}}}},
    "config map": {"strategy": {"blueGreen": {"smoke": {"configMap": ""}}}},
    "metric": {"analysis": {"metrics": [CLICKS]}},
    "query": {"analysis": {"metrics": [CLICKS]}},
    "gateway": {"traffic": {"hosts": ["fraud.prod"], "gateways": [""]}},
    "duration above zero": {"serving": {}},
    "body size": {"validation": {"shadow": {}}},
    "quantity": {"serving": {"resources": {"limits": {}}}},
}

BENDS = st.sampled_from(["", "", "", "\n", " ", "é", "٣", "A", "-", ".", "..", "/", "0", "{{", "}}"])


@st.composite
def near(draw: st.DrawFn, pattern: str) -> str:
    """A string of the pattern with something put in at some place, or with nothing."""
    text = draw(st.from_regex(pattern, fullmatch=True))
    at = draw(st.integers(0, len(text)))
    return text[:at] + draw(BENDS) + text[at:]


def spec_with(field: str, text: str) -> dict[str, Any]:
    """A spec that is good but for the string."""
    spec = copy.deepcopy(GOOD | AROUND.get(field, {}))
    *way, last = FIELDS[field][0]
    node: Any = spec
    for part in way:
        node = node[part]
    node[last] = text
    return spec


@pytest.mark.parametrize("field", FIELDS)
def test_python_and_the_api_server_agree(server: ApiServer, field: str) -> None:
    verdicts: set[bool] = set()

    @settings(max_examples=40, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(near(FIELDS[field][1]))
    def agree(text: str) -> None:
        spec = spec_with(field, text)
        body = {"apiVersion": "modelrollout.dev/v1alpha1", "kind": "ModelRollout", "metadata": {"name": "a"}}
        answer = server.ask("POST", ROLLOUTS, body | {"spec": spec}, dryRun="All", fieldValidation="Strict")
        parsed = parse_spec(spec)
        verdicts.add(answer.status == 201)
        said = parsed.message if isinstance(parsed, SpecError) else "accepted"
        assert (answer.status == 201) == (said == "accepted"), f"{text!r}: {said} / {answer.message or 'accepted'}"

    agree()
    assert verdicts == {True, False}, "the strings must lie on both sides of the border"
