"""Commands in sentences as they are typed: with the name of the rollout and its namespace, so that a person in a hurry
can copy them."""

from __future__ import annotations

import re

from modelrollout.resource.rollout import ModelRollout

COMMAND = re.compile(r"\bmodelrollout (promote --full|promote|skip|abort|resume|retry|undo)\b(?! (--full )?\S+ -n )")


def with_name(text: str, rollout: ModelRollout) -> str:
    """``say modelrollout retry`` -> ``say modelrollout retry fraud -n prod``."""
    return COMMAND.sub(lambda found: f"{found[0]} {rollout.name} -n {rollout.namespace}", text)
