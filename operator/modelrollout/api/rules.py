"""What a field must look like, said once: for Python and, in CEL, for the API server.

A user gets the same sentence whether ``kubectl apply`` refuses a manifest or ``modelrollout lint`` does. So a rule
that concerns the form of one string is one value (``Form``) that yields both checks. Rules over several fields are
written twice, side by side in one class: as a pydantic validator and as CEL text (``rules``); a test runs every
refused manifest through both.

The API server reads patterns as RE2, pydantic as a Rust regular expression, the rest of Python as its own. Patterns
here keep to what all three agree on: plain classes and repetitions, no ``\\d`` and no look-around.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

VALIDATIONS = "x-kubernetes-validations"


def rule(cel: str, message: str, *, shown: str | None = None, field: str | None = None) -> dict[str, Any]:
    """One entry of ``x-kubernetes-validations``.

    ``message`` is the sentence that a user reads. ``shown`` is a CEL expression of the same sentence with the values
    in it; ``field`` the path, below the type that has the rule, that the API server names (``.spec.model.uri``).
    """
    entry = {"rule": cel, "message": message}
    if shown is not None:
        entry["messageExpression"] = shown
    if field is not None:
        entry["fieldPath"] = field
    return entry


def rules(*entries: dict[str, Any]) -> Callable[[dict[str, Any]], None]:
    """Rules as what pydantic calls extra JSON schema, of a field or of a whole model: added to those of its type."""

    def add(schema: dict[str, Any]) -> None:
        schema[VALIDATIONS] = [*schema.get(VALIDATIONS, []), *entries]

    return add


def text(value: str) -> str:
    """A string literal in CEL."""
    return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True, slots=True)
class Form:
    """The form of a string, as the metadata of an ``Annotated[str, Form(...)]``.

    ``pattern`` must match the whole string; with ``forbidden`` it must match nowhere in it. ``sentence`` says what is
    wrong and the way out; ``{}`` in it stands for the value in quotes. With ``prefix``, strings that begin otherwise
    pass.
    """

    pattern: str
    sentence: str
    forbidden: bool = False
    prefix: str = ""

    def accepts(self, value: str) -> bool:
        """Whether the string has the form."""
        if not value.startswith(self.prefix):
            return True
        if self.forbidden:
            return re.search(self.pattern, value) is None
        return re.fullmatch(self.pattern, value) is not None

    def check(self, value: str) -> str:
        """The string itself. Raises ValueError with the sentence."""
        if not self.accepts(value):
            raise ValueError(self.sentence.replace("{}", repr(value)))
        return value

    @property
    def rule(self) -> dict[str, Any]:
        """The same check for the API server."""
        pattern = self.pattern if self.forbidden else f"^({self.pattern})$"
        cel = f"{'!' if self.forbidden else ''}self.matches({text(pattern)})"
        if self.prefix:
            cel = f"!self.startsWith({text(self.prefix)}) || {cel}"
        if "{}" not in self.sentence:
            return rule(cel, self.sentence)
        parts = [text(part) for part in self.sentence.replace("{}", "'{}'").split("{}")]
        without_value = self.sentence.replace(" {}", "").replace("{}", "this")
        return rule(cel, without_value, shown=" + self + ".join(parts))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """pydantic checks the string as any string first, then its form."""
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The string's own schema with the rule added."""
        json_schema = handler(schema)
        rules(self.rule)(json_schema)
        return json_schema


LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
"""One part of a DNS name."""

OBJECT_NAME = Form(
    rf"{LABEL}(\.{LABEL})*",
    "{} is no name of an object; use lower-case letters, digits, hyphens and dots",
)

HEADER = Form(
    r"[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", "there is no header of the name {}; use letters, digits and hyphens"
)
HeaderName = Annotated[str, HEADER, Field(max_length=128)]
