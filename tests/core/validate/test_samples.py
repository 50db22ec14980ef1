"""The checks of samples, each by itself: what a server said in, a finding out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.api.samples import Demand, Samples, Tolerance
from modelrollout.api.signature import Signature, Signatures
from modelrollout.api.validation import Validation
from modelrollout.core.validate.agreement import check_agreement
from modelrollout.core.validate.answer import Answer, difference
from modelrollout.core.validate.answers import check_answers
from modelrollout.core.validate.finding import Case, Finding, Verdict
from modelrollout.core.validate.form import check_form
from modelrollout.core.validate.golden import check_golden
from modelrollout.core.validate.latency import check_latency
from modelrollout.core.validate.probed import Probed, Sent
from modelrollout.core.validate.same_twice import check_same_twice
from modelrollout.core.validate.varied import check_varied

ONE = [0.1, 0.7, 0.2]
TWO = [0.6, 0.3, 0.1]
NAN = float("nan")
SIGNATURES: Signatures = {
    "serving_default": Signature(inputs={"x": "DT_FLOAT[?,4]"}, outputs={"y": "DT_FLOAT[?,3]"}),
    "both": Signature(outputs={"label": "DT_INT64[?]", "name": "DT_STRING[?]"}),
}
REQUESTS: dict[str, Any] = {"request 1": {"instances": [[1]]}, "request 2": {"instances": [[2]]}}


def rows(*values: Any) -> tuple[Answer, ...]:
    """One answer for each value, by row."""
    given = enumerate(values, 1)
    return tuple(Answer(f"request {number}", 200, {"predictions": [value]}, 0.02) for number, value in given)


def case(first: tuple[Answer, ...], again: tuple[Answer, ...] | None = None, **settings: Any) -> Case:
    """A version of which everything is asked, and its answers."""
    theirs = settings.pop("theirs", None)
    golden = settings.pop("right", {})
    samples = Samples.model_validate({"requests": [{"instances": [[1]]}, {"instances": [[2]]}], **settings})
    sent = Sent(first, again if again is not None else first, 1.5, theirs)
    probed = Probed(SIGNATURES, SIGNATURES, requests=REQUESTS, golden=golden, sent=sent)
    return Case(Validation(samples=samples), "1.1.2", "1.0.1", probed)


GOOD = rows(ONE, TWO)
BOTH_RIGHT = {"request 1": {"predictions": [ONE]}, "request 2": {"predictions": [TWO]}}
GOLDEN: dict[str, Any] = {"golden": {"answers": [{}, {}]}, "right": BOTH_RIGHT}
TOP: dict[str, Any] = {"golden": {"answers": [{}, {}], "topK": 2}, "right": BOTH_RIGHT}
NEARLY = rows([0.1, 0.7, 0.20001], TWO)
HALF: dict[str, Any] = {"agreement": {"withControl": 0.95}}
Check = Callable[[Case], Finding | None]

CASES: dict[str, tuple[Check, Case, Verdict, str]] = {
    "answered": (check_answers, case(GOOD), Verdict.PASS, "2 samples were answered well, each of them twice"),
    "a status": (
        check_answers,
        case((Answer("request 1", 400, problem="status 400: no such input"), GOOD[1])),
        Verdict.FAIL,
        "1 of 2 requests are not answered well: request 1: status 400: no such input",
    ),
    "a request that fails both times is one": (
        check_answers,
        case((Answer("request 1", problem="reset"), GOOD[1]), (Answer("request 1", problem="no answer"), GOOD[1])),
        Verdict.FAIL,
        "1 of 2 requests are not answered well: request 1: reset",
    ),
    "one that fails only the second time": (
        check_answers,
        case(GOOD, (GOOD[0], Answer("request 2", problem="reset"))),
        Verdict.FAIL,
        "1 of 2 requests are not answered well: request 2: reset",
    ),
    "not a number": (
        check_answers,
        case(rows([0.1, NAN, 0.2], TWO), GOOD),
        Verdict.FAIL,
        "1 of 2 requests are not answered well: request 1: [0][1] is nan, which is no finite number",
    ),
    "nothing given": (
        check_answers,
        case((Answer("request 1", 200, {}), GOOD[1]), GOOD),
        Verdict.FAIL,
        "1 of 2 requests are not answered well: request 1: the answer has neither predictions nor outputs",
    ),
    "as the signature says": (check_form, case(GOOD), Verdict.PASS, "all 2 answers are as the signature says"),
    "another size": (
        check_form,
        case(rows(ONE, [0.5, 0.5])),
        Verdict.FAIL,
        "1 of 2 answers are not as the signature says: request 2: predictions[0] is not as DT_FLOAT[?,3] says",
    ),
    "another type": (
        check_form,
        case(rows(ONE, ["a", "b", "c"])),
        Verdict.FAIL,
        "1 of 2 answers are not as the signature says: request 2: predictions[0] is not as DT_FLOAT[?,3] says",
    ),
    "golden": (check_golden, case(GOOD, **GOLDEN), Verdict.PASS, "all 2 samples were answered as golden says"),
    "within the tolerance": (
        check_golden,
        case(NEARLY, **GOLDEN),
        Verdict.PASS,
        "all 2 samples were answered as golden says",
    ),
    "otherwise": (
        check_golden,
        case(rows(TWO, ONE), **GOLDEN),
        Verdict.FAIL,
        "2 of 2 samples are not answered as golden says: request 1: [0][0] is 0.6, not 0.1; request 2: [0][0] is 0.1, "
        "not 0.6",
    ),
    "agrees": (
        check_agreement,
        case(rows([0.2, 0.6, 0.2], TWO), theirs=GOOD, **HALF),
        Verdict.PASS,
        "agrees with 1.0.1 on 2 of 2 rows (100 %)",
    ),
    "decides otherwise": (
        check_agreement,
        case(rows(TWO, TWO), theirs=GOOD, **HALF),
        Verdict.FAIL,
        "agrees with 1.0.1 on 1 of 2 rows (50 %), and 95 % are needed",
    ),
    "nobody to agree with": (
        check_agreement,
        case(GOOD, **HALF),
        Verdict.UNKNOWN,
        "nothing is known of 1.0.1's answers: None",
    ),
    "the same twice": (
        check_same_twice,
        case(GOOD, NEARLY),
        Verdict.PASS,
        "all 2 samples were answered the same when sent again",
    ),
    "not the same twice": (
        check_same_twice,
        case(GOOD, rows(ONE, ONE)),
        Verdict.FAIL,
        "1 of 2 samples are answered otherwise when they are sent again: request 2: [0][0] is 0.1, not 0.6 as before",
    ),
    "not the same twice, and told": (
        check_same_twice,
        case(GOOD, rows(ONE, ONE), sameTwice="Report"),
        Verdict.REPORTED,
        "1 of 2 samples are answered otherwise when they are sent again: request 2: [0][0] is 0.1, not 0.6 as before",
    ),
    "varied": (check_varied, case(GOOD), Verdict.PASS, "the 2 rows of the samples are not all answered the same"),
    "constant": (
        check_varied,
        case(rows(ONE, ONE)),
        Verdict.REPORTED,
        "all 2 rows of the samples are answered the same",
    ),
    "in time": (
        check_latency,
        case(GOOD, maxLatency="50ms"),
        Verdict.PASS,
        "the slowest answer took 20 ms; the first request of all took 1500 ms",
    ),
    "too slow": (
        check_latency,
        case(GOOD, maxLatency="10ms"),
        Verdict.FAIL,
        "request 1 took 20 ms, maxLatency is 10ms; the first request of all took 1500 ms",
    ),
}


@pytest.mark.parametrize(("check", "given_case", "verdict", "message"), CASES.values(), ids=CASES)
def test_check(check: Check, given_case: Case, verdict: Verdict, message: str) -> None:
    found = check(given_case)
    assert found is not None
    assert (found.verdict, found.message, found.holds) == (verdict, message, verdict is Verdict.UNKNOWN)


def test_the_order_of_the_highest_scores() -> None:
    """Their values may be others."""
    same_order = check_golden(case(rows([0.15, 0.45, 0.4], [0.9, 0.08, 0.02]), **TOP))
    assert same_order is not None
    assert same_order.verdict is Verdict.PASS
    other = check_golden(case(rows([0.3, 0.5, 0.2], TWO), **TOP))
    assert other is not None
    assert other.message == (
        "1 of 2 samples are not answered as golden says: request 1: its highest scores are at [1, 0], not at [1, 2]"
    )


def test_a_golden_answer_that_is_missing_is_no_failure() -> None:
    found = check_golden(case(GOOD, golden={"answers": [{}, {}]}, right={"request 1": {"predictions": [ONE]}}))
    assert found is not None
    assert (found.verdict, found.holds) == (Verdict.UNKNOWN, True)
    assert found.message.startswith("no golden answer is given for request 2")


LATER = (check_form, check_golden, check_agreement, check_same_twice, check_varied, check_latency)


@pytest.mark.parametrize("check", LATER)
def test_who_does_not_answer_is_told_by_one_check_alone(check: Check) -> None:
    silent = (Answer("request 1", problem="no answer within 10 s"), GOOD[1])
    assert check(case(silent, theirs=GOOD, **GOLDEN, **HALF)) is None


@pytest.mark.parametrize("check", [check_answers, *LATER])
def test_nothing_without_samples(check: Check) -> None:
    assert check(Case(Validation(), "1.1.2", "1.0.1", Probed(SIGNATURES, SIGNATURES))) is None


def test_samples_that_could_not_be_sent_hold() -> None:
    unsent = replace(case(GOOD), probed=Probed(SIGNATURES, unsent="ConfigMap fraud-samples is missing or empty"))
    found = check_answers(unsent)
    assert found is not None
    assert (found.verdict, found.holds) == (Verdict.UNKNOWN, True)
    assert found.message == "the samples could not be sent: ConfigMap fraud-samples is missing or empty"


def test_a_signature_that_is_not_known_holds() -> None:
    found = check_form(replace(case(GOOD), probed=replace(case(GOOD).probed, signatures=None, unread="no answer")))
    assert found is not None
    assert (found.verdict, found.holds, found.message) == (
        Verdict.UNKNOWN,
        True,
        "the signature is not known: no answer",
    )


def test_a_stable_version_that_answers_nothing_is_no_failure_of_the_new_one() -> None:
    silent = tuple(Answer(name, problem="no answer within 10 s") for name in REQUESTS)
    found = check_agreement(case(GOOD, theirs=silent, **HALF))
    assert found is not None
    assert (found.verdict, found.holds) == (Verdict.UNKNOWN, True)
    assert found.message == "1.0.1 answered no sample well, so there is nobody to agree with"


HUGE = 10**400
DEEP: Any = []
for _ in range(800):
    DEEP = [DEEP]


@pytest.mark.parametrize("check", LATER)
def test_answers_that_nobody_could_look_at_end_no_pass(check: Check) -> None:
    assert check(case(rows(DEEP, DEEP), theirs=GOOD, **GOLDEN, **HALF)) is None
    found = check(case(rows([HUGE, 1], [1, HUGE]), theirs=rows(DEEP, ONE), **GOLDEN, **HALF))
    assert found is not None


def test_a_nested_answer_is_told() -> None:
    found = check_answers(case(rows(DEEP, ONE)))
    assert found is not None
    assert "request 1: the answer is nested deeper than 32 lists" in found.message


def test_the_first_version_has_nobody_to_agree_with() -> None:
    assert check_agreement(replace(case(GOOD, **HALF), control=None)) is None


def test_answers_of_several_outputs_and_by_columns() -> None:
    named = Answer("request 1", 200, {"predictions": [{"label": 3, "name": "c"}]})
    columns = Answer("request 2", 200, {"outputs": {"label": [3, 4], "name": ["c", {"b64": "ZA=="}]}})
    requests = {name: {"signature_name": "both"} for name in REQUESTS}
    asked = case((named, columns))
    found = check_form(replace(asked, probed=replace(asked.probed, requests=requests)))
    assert found is not None
    assert found.verdict is Verdict.PASS, found.message
    other = Answer("request 2", 200, {"outputs": {"label": [3.5], "name": ["c"]}})
    asked = case((named, other))
    found = check_form(replace(asked, probed=replace(asked.probed, requests=requests)))
    assert found is not None
    assert "request 2: outputs.label is not as DT_INT64[?] says" in found.message


def test_one_row_or_one_request_says_nothing_of_constancy() -> None:
    assert check_varied(case(rows(ONE))) is None


def test_varied_can_be_demanded() -> None:
    found = check_varied(case(rows(ONE, ONE), varied=Demand.REQUIRE.value))
    assert found is not None
    assert found.verdict is Verdict.FAIL


values = st.recursive(
    st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(max_size=3) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(values)
def test_every_value_is_the_same_as_itself(value: Any) -> None:
    assert difference(value, value, Tolerance()) is None


@given(values, values)
def test_what_is_not_the_same_is_said_in_some_words(one: Any, other: Any) -> None:
    found = difference(one, other, Tolerance(atol=0, rtol=0))
    assert (found is None) == (one == other and repr(one) == repr(other)) or found is None or len(found) < 400
