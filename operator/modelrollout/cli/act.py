"""``modelrollout promote | skip | abort | lower | pause | resume | undo | retry``: what a person can tell a release.

A command is written as an annotation and carried out by the operator. The command line waits until the status says
so, because "sent" is not what a person wants to know during an incident.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import click

from modelrollout.api.base import format_timestamp
from modelrollout.api.command import Command, Verb, Weight, one_line, token_of
from modelrollout.api.printable import printable
from modelrollout.api.status import Status
from modelrollout.cli.access import Access
from modelrollout.cli.errors import NotFound, Refused, Said
from modelrollout.cli.feed import Broken, Feed, Snapshot
from modelrollout.cli.options import as_version, cluster_options, name_argument, name_or_only_one
from modelrollout.cli.request import accepted, prepare, report, subject
from modelrollout.cli.routed import not_done
from modelrollout.resource.rollout import ModelRollout

ANSWER_SECONDS = 10.0
PATIENCE_SECONDS = 2.0  # after that a person wonders, and is told what is being waited for


class NoAnswer(Said):
    """The operator did not carry the command out in time."""

    exit_code = 3


class NotRouted(Said):
    """The operator has taken the version back, but the live route has not been moved in time."""

    exit_code = 3


def acting(command: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments and the options of every command here."""
    command = cluster_options(command)
    command = click.option("--no-wait", is_flag=True, help="Do not wait for the operator's answer.")(command)
    command = click.argument("version", required=False, callback=as_version)(command)
    return name_argument()(command)


@click.command()
@click.option("--full", is_flag=True, help="Skip all the steps that are left: a lone candidate gets all requests now.")
@acting
def promote(full: bool, **target: Any) -> None:
    """Go on with a release that waits, or skip all that is left of it.

    Ends one wait: a pause by `pause`, and where there is none, the approval, the proof or the requests that the step
    waits for; what is still waited for is said. A clock that runs is not ended: that is `skip`. With --full the steps
    that are left are skipped, but never a check that has not passed, nor a bake whose clock runs. Safety is never
    skipped: a candidate that is proven worse is still rolled back. Without NAME the namespace's only rollout is meant.
    Several candidates take their steps together, so VERSION only names the one whose pause ends.
    """
    act(Verb.PROMOTE_FULL if full else Verb.PROMOTE, **target)


@click.command()
@acting
def skip(**target: Any) -> None:
    """End the present step or the bake, its clock too.

    The release goes on with the next one, in spite of metrics that cannot be seen or speak against it; the Event says
    what was skipped so. Ready pods and passed smoke requests are never skipped, nor is safety, and nobody gets all
    requests who was not seen with a part of them. Without NAME the namespace's only rollout is meant.
    """
    act(Verb.SKIP, **target)


@click.command()
@click.option("--reason", default="", metavar="TEXT", help="Kept in the history.")
@click.option("--quarantine", is_flag=True, help="Hold the version to blame: only `retry` releases it again.")
@acting
def abort(reason: str, quarantine: bool, **target: Any) -> None:
    """Take all traffic back to the stable version.

    At once, from any phase of a release. What was released does not start again by itself: say `retry`, or let the spec
    name another version, or this one anew after another. With --quarantine only `retry` releases it again, and its pods
    are kept for their logs. Without NAME the namespace's only rollout is meant; with VERSION that candidate alone is
    taken out, and the others go on.
    """
    act(Verb.ABORT_QUARANTINE if quarantine else Verb.ABORT, note=reason, **target)


@click.command()
@click.option("--to", "percent", type=click.IntRange(1, 99), required=True, help="The share that is left, percent.")
@click.option("--reason", default="", metavar="TEXT", help="Shown while it is held there.")
@acting
def lower(percent: int, reason: str, **target: Any) -> None:
    """Give a candidate fewer requests, and hold it there.

    At once, from any phase of a release. It is judged on with what it has left, and nothing raises it again before
    `resume`; then it goes through the steps again that it had passed with more. To take it back altogether is `abort`.
    Without NAME the namespace's only rollout is meant; with VERSION that candidate alone is lowered.
    """
    act(Verb.LOWER, note=Weight(percent, one_line(reason)).render(), **target)


@click.command()
@click.option("--reason", default="", metavar="TEXT", help="Shown with the pause.")
@acting
def pause(reason: str, **target: Any) -> None:
    """Hold the weights as they are.

    A candidate is still judged meanwhile, and rolled back when it is proven worse. Without NAME the namespace's only
    rollout is meant; with VERSION that candidate alone is held.
    """
    act(Verb.PAUSE, note=reason, **target)


@click.command()
@acting
def resume(**target: Any) -> None:
    """End a pause.

    The release goes on by its own rules; `promote` goes on without them. Without NAME the namespace's only rollout is
    meant; with VERSION that candidate alone goes on.
    """
    act(Verb.RESUME, **target)


@click.command()
@click.option("--reason", default="", metavar="TEXT", help="Kept in the history.")
@acting
def undo(reason: str, **target: Any) -> None:
    """Go back to the version before, after a promotion.

    At once and in one step, while that version is kept (`rollback.keepPrevious`); a release that is still under way is
    taken back by `abort`. What is undone does not start again by itself: say `retry`, or let the spec name another
    version; its pods are kept for `rollback.keepFailedFor`, for their logs. Without NAME the namespace's only rollout
    is meant.
    """
    act(Verb.UNDO, note=reason, **target)


@click.command()
@acting
def retry(**target: Any) -> None:
    """Release a version again that failed or was taken back.

    Its release starts from the beginning, as soon as what ran before is gone. Without NAME the namespace's
    only rollout is meant; VERSION is one of several that the spec names.
    """
    act(Verb.RETRY, **target)


def act(
    verb: Verb,
    name: str | None,
    version: str | None,
    no_wait: bool,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    note: str = "",
) -> None:
    """Sends one command, waits for its effect, and says what it was."""
    access = Access(namespace, context, kubeconfig)
    name = name_or_only_one(access, name)
    rollout = ModelRollout.from_json(access.read(name))
    command = prepare(verb, rollout, token_of(format_timestamp(time.time()), access.user()), note, version)
    access.command(name, command.render())
    if no_wait:
        click.echo(f"rollout {name}: {subject(command)} sent")
        return
    status = await_answer(access, name, command)
    said = report(name, command, status, rollout.status)
    if not accepted(command, status):
        raise Refused(said)
    if not_done(command, status) is not None:
        raise NotRouted(said)
    click.echo(printable(said))


def await_answer(access: Access, name: str, command: Command) -> Status:
    """The status that the operator wrote when it carried the command out; where that takes requests away, one by which
    the live route has let go of them, if there is one in time. Raises NoAnswer after ANSWER_SECONDS."""
    began = time.monotonic()
    told, answer = False, None
    with Feed(access, name=name) as feed:
        while (left := began + ANSWER_SECONDS - time.monotonic()) > 0:
            match feed.next(min(left, PATIENCE_SECONDS)):
                case Snapshot(bodies=()):
                    raise NotFound(f"modelrollout {name!r} was deleted")
                case Snapshot(bodies=(body, *_)):
                    status = ModelRollout.from_json(body).status
                    if status.last_command == command.render():
                        answer = status
                        if not_done(command, status) is None:
                            return status
                case Broken(message):
                    click.echo(f"{message}; trying again", err=True)
                case None if not told:
                    click.echo(f"waiting up to {ANSWER_SECONDS:g}s for the operator ...", err=True)
                    told = True
    if answer is not None:
        return answer
    raise NoAnswer(
        f"rollout {name}: {subject(command)} was sent, but nothing answered within "
        f"{ANSWER_SECONDS:g}s: is the operator running? It carries the command out when it is back."
    )
