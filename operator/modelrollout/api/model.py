"""``spec.model``: which model, which version of it, and where its files are."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from modelrollout.api.base import SpecModel
from modelrollout.api.rules import LABEL, Form, rule, rules
from modelrollout.api.version import VERSION, ModelVersion

Digest = Annotated[
    str,
    Form(r"sha256:[0-9a-f]{64}", "digest {} is not sha256: and 64 lower-case hexadecimal digits"),
    Field(max_length=71),
]
Uri = Annotated[
    str,
    Form(r"(?s)(pvc|file|https)://.*", "{} has an unknown scheme; use pvc://, file:// or https://"),
    Form(r"[!-~]*", "{} holds a space or a character outside ASCII; a URI has neither"),
    Form(r"(/|%2[fF])(\.|%2[eE]){2}(/|%2[fF]|$)", "{} climbs out of its volume; remove the '..'", forbidden=True),
    Form(
        rf"pvc://{LABEL}(\.{LABEL})*(/[^?#\\]*)?",
        "{} is not pvc://CLAIM/PATH; write for example pvc://models/fraud/1187",
        prefix="pvc://",
    ),
    Form(
        r"file:///[^/?#\\][^?#\\]*",
        "{} is not file:///PATH, with three slashes; write for example file:///models/fraud/1187",
        prefix="file://",
    ),
    Form(
        r"https://[A-Za-z0-9.-]+(:[0-9]{1,5})?/[^#]+",
        "{} is not https://HOST/PATH; write for example https://models.example.com/fraud-1187.tar.gz",
        prefix="https://",
    ),
    Field(max_length=1024),
]


class Model(SpecModel):
    """The model and the version of it that shall serve. Changing ``version`` starts a release."""

    name: Annotated[
        str,
        Form(
            r"[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?",
            "{} is no model name; use letters, digits, '_', '.' and '-', with a letter or a digit first and last",
        ),
        Field(max_length=63),
    ] = Field(
        description="TensorFlow Serving's model name: the last part of /v1/models/NAME.",
        json_schema_extra=rules(
            rule(
                "self == oldSelf",
                "the model's name cannot change; make another ModelRollout for another model",
            )
        ),
    )
    version: Annotated[str, VERSION, Field(max_length=34)] = Field(
        description="MAJOR.MINOR.PIPELINE, for example 2.4.1187."
    )
    uri: Uri = Field(
        description="Where the SavedModel directory is: pvc://CLAIM/PATH, file:///PATH (below a root that the "
        "operator allows) or https://HOST/PATH.tar.gz.",
    )
    digest: Digest | None = Field(
        default=None,
        description="sha256: of the model's sorted file manifest. Without it, the digest is recorded at the first "
        "fetch and holds from then on.",
    )

    @property
    def parsed_version(self) -> ModelVersion:
        """The version as numbers."""
        return ModelVersion.parse(self.version)
