"""Can callers of one version call another one? By the signatures alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelrollout.api.signature import Signature, Signatures, Tensor
from modelrollout.api.validation import SignatureRule, Validation
from modelrollout.core.validate.compatible import check_signature
from modelrollout.core.validate.finding import Case, Finding, Verdict
from modelrollout.core.validate.probed import Probed
from modelrollout.core.validate.signature import additions, differences

OLD: Signatures = {
    "serving_default": Signature(inputs={"x": "DT_FLOAT[?,4]"}, outputs={"y": "DT_FLOAT[?,3]", "z": "DT_STRING[...]"})
}


def changed(inputs: dict[str, str | None] | None = None, outputs: dict[str, str | None] | None = None) -> Signatures:
    """OLD with other tensors; None takes one away."""
    old = OLD["serving_default"]
    both = [
        {name: text for name, text in (before | (more or {})).items() if text is not None}
        for before, more in ((old.inputs, inputs), (old.outputs, outputs))
    ]
    return {"serving_default": Signature(inputs=both[0], outputs=both[1])}


INPUT, OUTPUT = "signature serving_default: input x", "signature serving_default: output y"
INCOMPATIBLE: dict[str, tuple[Signatures, str]] = {
    "a signature is gone": ({"other": OLD["serving_default"]}, "signature serving_default is gone; there are other"),
    "all are gone": ({}, "signature serving_default is gone; there is none"),
    "an input is gone": (changed(inputs={"x": None}), f"{INPUT} is gone, which was DT_FLOAT[?,4]"),
    "an input is new": (
        changed(inputs={"w": "DT_FLOAT[]"}),
        "signature serving_default: input w is new, DT_FLOAT[], and callers do not send it",
    ),
    "an input is retyped": (
        changed(inputs={"x": "DT_INT32[?,4]"}),
        f"{INPUT} has another type: it was DT_FLOAT[?,4] and is DT_INT32[?,4]",
    ),
    "an input is narrowed": (
        changed(inputs={"x": "DT_FLOAT[1,4]"}),
        f"{INPUT} takes fewer shapes: it was DT_FLOAT[?,4] and is DT_FLOAT[1,4]",
    ),
    "an input is of another size": (
        changed(inputs={"x": "DT_FLOAT[?,5]"}),
        f"{INPUT} takes other shapes: it was DT_FLOAT[?,4] and is DT_FLOAT[?,5]",
    ),
    "an input is of another rank": (
        changed(inputs={"x": "DT_FLOAT[?]"}),
        f"{INPUT} takes other shapes: it was DT_FLOAT[?,4] and is DT_FLOAT[?]",
    ),
    "an output is gone": (changed(outputs={"y": None}), f"{OUTPUT} is gone, which was DT_FLOAT[?,3]"),
    "an output is retyped": (
        changed(outputs={"y": "DT_INT64[?,3]"}),
        f"{OUTPUT} has another type: it was DT_FLOAT[?,3] and is DT_INT64[?,3]",
    ),
    "an output is of another size": (
        changed(outputs={"y": "DT_FLOAT[?,10]"}),
        f"{OUTPUT} has another shape: it was DT_FLOAT[?,3] and is DT_FLOAT[?,10]",
    ),
}
COMPATIBLE: dict[str, tuple[Signatures, list[str]]] = {
    "the same": (OLD, []),
    "a new signature": (OLD | {"more": Signature()}, ["signature more"]),
    "a new output": (changed(outputs={"p": "DT_FLOAT[]"}), ["output p of signature serving_default"]),
    "a new input with a default": (changed(inputs={"w": "DT_FLOAT[] optional"}), []),
    "an input takes more": (changed(inputs={"x": "DT_FLOAT[?,?]"}), []),
    "an input takes any shape": (changed(inputs={"x": "DT_FLOAT[...]"}), []),
    "an output is told more exactly": (changed(outputs={"z": "DT_STRING[?]"}), []),
    "an output is told less exactly": (changed(outputs={"y": "DT_FLOAT[?,?]"}), []),
    "what the library has for itself": (OLD | {"__saved_model_init_op": Signature()}, []),
}


@pytest.mark.parametrize(("new", "words"), INCOMPATIBLE.values(), ids=INCOMPATIBLE)
def test_incompatible(new: Signatures, words: str) -> None:
    assert [item.words for item in differences(OLD, new)] == [words]


@pytest.mark.parametrize(("new", "added"), COMPATIBLE.values(), ids=COMPATIBLE)
def test_compatible(new: Signatures, added: list[str]) -> None:
    assert differences(OLD, new) == []
    assert additions(OLD, new) == added


def test_what_the_library_has_for_itself_may_go() -> None:
    assert differences(OLD | {"__saved_model_init_op": Signature()}, OLD) == []


def test_an_input_that_was_optional_and_is_needed_now() -> None:
    optional = changed(inputs={"w": "DT_FLOAT[] optional"})
    assert [item.words for item in differences(optional, changed(inputs={"w": "DT_FLOAT[]"}))] == [
        "signature serving_default: input w is needed now: it was DT_FLOAT[] optional and is DT_FLOAT[]"
    ]


def test_a_name_as_long_as_a_server_likes_is_cut() -> None:
    (found,) = differences({"s" * 5000: Signature()}, {})
    assert len(found.words) < 120


sizes = st.none() | st.integers(0, 10**12)
tensors = st.builds(
    Tensor,
    st.from_regex(r"DT_[A-Z0-9]{1,10}", fullmatch=True),
    st.none() | st.lists(sizes, max_size=5).map(tuple),
    st.booleans(),
)


@given(tensors)
def test_tensors_are_read_as_they_are_written(tensor: Tensor) -> None:
    assert Tensor.parse(str(tensor)) == tensor


@given(st.dictionaries(st.text(max_size=5), tensors.map(str), max_size=3))
def test_everything_is_compatible_with_itself(tensors: dict[str, str]) -> None:
    same = {"s": Signature(inputs=tensors, outputs=tensors)}
    assert differences(same, same) == []


RETYPED = changed(outputs={"y": "DT_INT64[?,3]"})
WHAT = f"callers of 1.0.1 cannot call it: {INCOMPATIBLE['an output is retyped'][1]}"
WAY_OUT = "release it as 2.0.2 if that is meant, or export the signature as it was"
UNREAD = Probed(OLD, None, "no pod of 1.0.1 is ready")
REQUIRE, REPORT, IGNORE = SignatureRule
CASES: dict[str, tuple[SignatureRule, str, Probed, Finding | None]] = {
    "nobody looks": (IGNORE, "1.1.2", Probed(RETYPED, OLD), None),
    "compatible": (
        REQUIRE,
        "1.1.2",
        Probed(OLD, OLD),
        Finding("signature", Verdict.PASS, "callers of 1.0.1 can call it"),
    ),
    "with more": (
        REQUIRE,
        "1.1.2",
        Probed(OLD | {"more": Signature()}, OLD),
        Finding("signature", Verdict.PASS, "callers of 1.0.1 can call it; new: signature more"),
    ),
    "incompatible": (
        REQUIRE,
        "1.1.2",
        Probed(RETYPED, OLD),
        Finding("signature", Verdict.FAIL, f"{WHAT}; {WAY_OUT}"),
    ),
    "incompatible, and nobody demands more": (
        REPORT,
        "1.1.2",
        Probed(RETYPED, OLD),
        Finding("signature", Verdict.REPORTED, WHAT),
    ),
    "incompatible, as its MAJOR says": (
        REQUIRE,
        "2.0.2",
        Probed(RETYPED, OLD),
        Finding("signature", Verdict.PASS, WHAT.replace("call it:", "call it, as MAJOR 2 says:")),
    ),
    "not known": (
        REQUIRE,
        "1.1.2",
        UNREAD,
        Finding(
            "signature",
            Verdict.UNKNOWN,
            "the signatures cannot be compared: no pod of 1.0.1 is ready",
            holds=True,
        ),
    ),
    "not known, and nobody waits for it": (
        REPORT,
        "1.1.2",
        UNREAD,
        Finding("signature", Verdict.UNKNOWN, "the signatures cannot be compared: no pod of 1.0.1 is ready"),
    ),
}


@pytest.mark.parametrize(("rule", "version", "probed", "expected"), CASES.values(), ids=CASES)
def test_the_check(rule: SignatureRule, version: str, probed: Probed, expected: Finding | None) -> None:
    assert check_signature(Case(Validation(signature=rule), version, "1.0.1", probed)) == expected


def test_the_first_version_is_compared_with_nothing() -> None:
    assert check_signature(Case(Validation(), "1.0.1", None, Probed(OLD))) is None
