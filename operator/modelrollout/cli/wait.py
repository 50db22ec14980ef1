"""``modelrollout wait``: a pipeline hands over a model and learns by the exit code what became of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial

import click

from modelrollout.api.base import format_duration
from modelrollout.cli.access import Access
from modelrollout.cli.countdown import countdowns
from modelrollout.cli.feed import Broken, Feed, Snapshot
from modelrollout.cli.live import say
from modelrollout.cli.options import Duration, as_version, cluster_options, name_argument
from modelrollout.cli.outcome import Exit, Outcome, Wanted, describe_wait, outcome, spec_version, spec_versions
from modelrollout.cli.text import listed
from modelrollout.resource.rollout import ModelRollout

REMIND_SECONDS = 60.0  # between two lines when nothing changes: many pipelines end a job that is silent


@click.command()
@name_argument(required=True)
@click.option(
    "--for-version",
    metavar="VERSION",
    callback=as_version,
    help="The version that is waited for, even before the spec names it. Default: what the spec names now.",
)
@click.option("--timeout", type=Duration(), metavar="DURATION", help="For example 90s or 2h. Default: no limit.")
@cluster_options
def wait(
    name: str,
    for_version: str | None,
    timeout: float | None,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
) -> None:
    """Wait for the end of a release; the exit code says how it ended.

    Prints every change on the way, and at the end what the spec names and is not there, or does not hold yet.

    \b
    0  the version serves: promoted, installed, settled at its share, or it did already
    1  it was rolled back, aborted, superseded, quarantined or not chosen, or the rollout was deleted
    2  the spec was refused, its model cannot be fetched, there is no such rollout or namespace, or wrong usage
    3  neither within --timeout; the release goes on
    4  the cluster could not be asked
    """
    access = Access(namespace, context, kubeconfig)
    first = ModelRollout.from_json(access.read(name))
    wanted = Wanted(for_version or spec_version(first), first.status.history, may_come=for_version is not None)
    deleted = Outcome(Exit.TAKEN_BACK, "the rollout was deleted")
    watched = Wait(partial(progress_words, wanted=wanted), partial(outcome, wanted=wanted), deleted, timeout)
    with Feed(access, name=name) as feed:
        end = watched.look(first) or watched.follow(feed)
    say(f"{name}: {end.message}")
    sys.exit(end.code)


class Wait:
    """One wait under way: where things are in ``words``, whether they are ``over``, what it means that the rollout is
    ``deleted``, and for how long."""

    def __init__(
        self,
        words: Callable[[ModelRollout], str],
        over: Callable[[ModelRollout], Outcome | None],
        deleted: Outcome,
        timeout: float | None,
    ) -> None:
        self._words, self._over, self._deleted = words, over, deleted
        self._timeout = timeout
        self._began = self._spoke = time.monotonic()
        self._said = ""
        self._seen: ModelRollout | None = None
        self._ends_since: float | None = None

    def follow(self, feed: Feed) -> Outcome:
        """Says what changes until the release has ended or the time is over. What has come in time counts."""
        while True:
            left = REMIND_SECONDS if self._timeout is None else self._began + self._timeout - time.monotonic()
            match feed.next(min(left, REMIND_SECONDS)):
                case Broken(message):
                    click.echo(f"{message}; trying again", err=True)
                case Snapshot(bodies=()):
                    return self._deleted
                case Snapshot(bodies=(body, *_)):
                    end = self.look(ModelRollout.from_json(body))
                    if end is not None:
                        return end
                case None if left <= 0:
                    lasted = format_duration(self._timeout or 0.0)
                    return Outcome(Exit.TIMEOUT, f"not over after {lasted}; {self._said}")
                case None if self._seen is not None and (end := self._end(self._seen)) is not None:
                    return end
            self._remind()

    def look(self, rollout: ModelRollout) -> Outcome | None:
        """Says where the release is, if that has changed, and gives its end, if it is over."""
        words = self._words(rollout)
        self._seen = rollout
        if words != self._said:
            say(f"{words}{countdowns(rollout.status, time.time())}")
            self._said, self._spoke = words, time.monotonic()
        return self._end(rollout)

    def _end(self, rollout: ModelRollout) -> Outcome | None:
        """The end, once it has stood for as long as it must."""
        end, now = self._over(rollout), time.monotonic()
        if end is None or not end.stands_after:
            self._ends_since = None
            return end
        self._ends_since = since = now if self._ends_since is None else self._ends_since
        return end if now - since >= end.stands_after else None

    def _remind(self) -> None:
        if time.monotonic() - self._spoke >= REMIND_SECONDS:
            left = countdowns(self._seen.status, time.time()) if self._seen is not None else ""
            say(f"still {self._said}{left}")
            self._spoke = time.monotonic()


def progress_words(rollout: ModelRollout, wanted: Wanted) -> str:
    """Where the release is; or why it has not begun: nobody has seen it, or the spec names another version."""
    named = spec_versions(rollout)
    if rollout.generation > rollout.status.observed_generation:
        return f"{describe_wait(rollout.status)}; the operator has not seen the newest spec yet"
    if named and wanted.version is not None and wanted.version not in named:
        return f"waiting for {wanted.version}, the spec names {listed(named)}; {describe_wait(rollout.status)}"
    return describe_wait(rollout.status)
