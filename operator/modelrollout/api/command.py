"""A person's command to one rollout, as the text of the annotation ``modelrollout.dev/command``.

The spec says what shall serve and is under version control; "go on", "take it back" and "hold still" belong to one
release and would be replayed from there. So they travel beside the spec, in one line that a person can also write by
hand: ``VERB VERSION TOKEN NOTE``. The version says which release is meant, so that a command that comes late cannot
hit the next release. The operator knows a command that it has carried out by its text (``status.lastCommand``) and
takes the annotation away then, so that the same text can be written again; by the token whoever waits for the answer
knows his own. The token may end with who gives the command, ``2026-11-27T20:00:00Z;by=alice``; the chart's admission
policy lets nobody write another name than the one that the API server knows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum

from modelrollout.api.printable import printable
from modelrollout.api.version import VERSION_PATTERN

SEVERAL = ","
"""Between versions: a command may be for several of those under trial."""

GIVEN_BY = ";by="
"""In a token, before the name of who gives the command."""

LONGEST_NAME = 128  # characters of a name that are shown; written by hand a token may be anything

ANY_VERSION = "-"
"""Stands for whatever release is under way; for ``pause`` and ``resume`` only, which can always be taken back."""


class Verb(StrEnum):
    """What a person can ask for."""

    PROMOTE = "promote"  # approve, or go on from a step that waits for a person or for proof
    SKIP = "skip"  # end the present step, its clock too
    PROMOTE_FULL = "promote-full"  # skip all the steps that are left
    ABORT = "abort"  # all traffic back to stable
    ABORT_QUARANTINE = "abort-quarantine"  # the same, and the version itself is to blame
    LOWER = "lower"  # fewer requests, and hold it there; the note begins with the weight
    PAUSE = "pause"  # hold the weights
    RESUME = "resume"  # end of the pause
    UNDO = "undo"  # after a promotion: all traffic back to the version before
    RETRY = "retry"  # release a version again that failed or was taken back

    @property
    def aborts(self) -> bool:
        """Whether it takes traffic away."""
        return self in (Verb.ABORT, Verb.ABORT_QUARANTINE)

    @property
    def takes_back(self) -> bool:
        """Whether its version has no requests afterwards."""
        return self.aborts or self is Verb.UNDO

    @property
    def takes_any_version(self) -> bool:
        """Whether ``-`` may stand for the version."""
        return self in (Verb.PAUSE, Verb.RESUME)


@dataclass(frozen=True, slots=True)
class Command:
    """One command. ``version`` is that of a version under trial, or several with commas between (for ``retry`` one
    that failed or was taken back, for ``undo`` the one that serves), or ``-``; ``token`` has no white space and may be
    empty in a command written by hand, which then has no note; ``note`` is one line."""

    verb: Verb
    version: str
    token: str = ""
    note: str = ""

    def render(self) -> str:
        """The annotation's text; ``parse`` gives the same command back."""
        return " ".join(part for part in (self.verb.value, self.version, self.token, self.note) if part)

    @property
    def who(self) -> str:
        """Who gave the command, as it says; ``a person`` where it does not."""
        return printable(self.token.partition(GIVEN_BY)[2])[:LONGEST_NAME] or "a person"

    def is_for(self, version: str | None) -> bool:
        """Whether the command is meant for this version."""
        return self.version == ANY_VERSION or version in self.version.split(SEVERAL)


@dataclass(frozen=True, slots=True)
class Weight:
    """What the note of ``lower`` says: the largest share that is left, 1 to 99 percent, and why."""

    percent: int
    why: str = ""

    @classmethod
    def of(cls, note: str) -> Weight | None:
        """From the note, ``5 clicks fell`` or ``5%``; None when it does not begin with such a weight."""
        found = re.fullmatch(r"([1-9]\d?)(?: ?%)?(?: (.*))?", note)
        return cls(int(found[1]), found[2] or "") if found else None

    def render(self) -> str:
        """The note; ``of`` gives the same back."""
        return f"{self.percent} {self.why}".strip()


def parse(text: str) -> Command | None:
    """The command in an annotation, or None when it is none: unknown verb, no version where one is needed."""
    words = text.split(maxsplit=3)
    if not words or words[0] not in frozenset(Verb):
        return None
    verb = Verb(words[0])
    version, token, note = [*words[1:], "", "", ""][:3]
    version = version or ANY_VERSION
    if version == ANY_VERSION:
        return Command(verb, version, token, one_line(note)) if verb.takes_any_version else None
    known = all(re.fullmatch(VERSION_PATTERN, part) for part in version.split(SEVERAL))
    return Command(verb, version, token, one_line(note)) if known else None


_OTHER_VERBS: Mapping[str, str] = {"approve": "promote", "rollback": "abort, or undo after a promotion"}
"""What other programs call it."""


def problem(text: str) -> str:
    """What is wrong with a text that ``parse`` takes for none, with all that there is to write."""
    word, version, *_ = [*text.split(maxsplit=2), "", ""]
    if word in frozenset(Verb):
        said = f"{version} is no version" if version else f"{word} of which version?"
        return f"command {text!r} is not VERB VERSION: {said}; write for example {word} 2.4.1187"
    verbs = [verb.value for verb in Verb]
    meant = _OTHER_VERBS.get(word) or next(iter(get_close_matches(word, verbs, n=1, cutoff=0.7)), None)
    hint = f"did you mean {meant}? The" if meant is not None else "the"
    return f"command {text!r} is not VERB VERSION: {hint} verbs are {', '.join(verbs[:-1])} and {verbs[-1]}"


def token_of(moment: str, user: str) -> str:
    """A token that nobody else uses, with the user's name, where that is one word: ``alice``, ``ci@example.com``."""
    return moment + GIVEN_BY + user if user and not any(map(str.isspace, user)) else moment


def one_line(text: str) -> str:
    """The text with every run of white space made one space, as a note has to be."""
    return " ".join(text.split())
