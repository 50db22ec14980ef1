"""What the API server says of a misspelt pod template, said of the field that the user wrote."""

from __future__ import annotations

import pytest

from modelrollout.manifests.unknown_fields import unknown_fields

BEFORE = "failed to create typed patch object (prod/fraud-1-1-2; apps/v1, Kind=Deployment): "
UNKNOWN = ": field not declared in schema"
WAY_OUT = "(modelrollout lint says which one may be meant)"

CASES: dict[str, tuple[str, str | None]] = {
    "one": (
        f"{BEFORE}.spec.template.spec.contaners{UNKNOWN} (HTTP 500)",
        f"spec.serving.template.spec.contaners: is no field of a pod; remove it or correct its name {WAY_OUT}",
    ),
    "in an item of a list": (
        f'{BEFORE}.spec.template.spec.containers[name="serving"].readinessProb{UNKNOWN} (HTTP 500)',
        'spec.serving.template.spec.containers[name="serving"].readinessProb: is no field of a pod; remove it or '
        f"correct its name {WAY_OUT}",
    ),
    "many": (
        f"{BEFORE}errors:" + "".join(f"\n  .spec.template.spec.x{number}{UNKNOWN}" for number in range(5)),
        "spec.serving.template.spec.x0, spec.serving.template.spec.x1, spec.serving.template.spec.x2 and 2 more: "
        f"are no fields of a pod; remove them or correct their names {WAY_OUT}",
    ),
    "of another object": (f"{BEFORE}.spec.behaviour{UNKNOWN}", None),
    "another refusal": ("Deployment.apps is invalid: spec.template.spec.containers[0].image: Required value", None),
}


@pytest.mark.parametrize(("words", "said"), CASES.values(), ids=CASES)
def test_fields_are_named_as_the_user_wrote_them(words: str, said: str | None) -> None:
    assert unknown_fields(words) == said
