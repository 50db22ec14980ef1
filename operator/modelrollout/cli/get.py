"""``modelrollout get``: rollouts as a table, or one of them as a tree; with ``-w`` kept up to date."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from functools import partial

import click

from modelrollout.cli.access import Access
from modelrollout.cli.errors import ClusterError
from modelrollout.cli.feed import Feed, Snapshot
from modelrollout.cli.live import Picture, Room, show, watch_picture, watch_words
from modelrollout.cli.options import cluster_options, dump, name_argument, output_option
from modelrollout.cli.pods import Pod, pod_from_json
from modelrollout.cli.render import one_line
from modelrollout.cli.render_small import fitted
from modelrollout.cli.render_table import rollout_table
from modelrollout.cli.text import Line, Span, Style, line
from modelrollout.cli.view import View
from modelrollout.manifests.meta import OWNER_LABEL
from modelrollout.resource.rollout import ModelRollout

POD_SECONDS = 2.0


@click.command()
@name_argument()
@click.option("-w", "--watch", is_flag=True, help="Keep the picture up to date; lines of changes when not a terminal.")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="The rollouts of all namespaces.")
@cluster_options
@output_option
def get(
    name: str | None,
    watch: bool,
    everywhere: bool,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
    output: str | None,
) -> None:
    """Show rollouts: a table, or one as a tree.

    Without NAME all rollouts of the namespace are listed. With NAME the versions are shown with their weights and
    pods, whose requests they have where that is not everybody's, the steps with the time to the next, and for each
    candidate and metric how far the evidence has come: a full bar at "worse" means that the version is rolled back, a
    full bar at "not worse" that it is proven.
    """
    if name and everywhere:
        raise click.UsageError("a NAME belongs to one namespace; leave out -A, or the name")
    access = Access(namespace, context, kubeconfig)
    if watch:
        watch_rollouts(access, name, everywhere, output)
        return
    snapshot = first_snapshot(access, name, everywhere)
    if output:
        items = list(snapshot.bodies)
        click.echo(dump(items[0] if name else {"apiVersion": "v1", "kind": "List", "items": items}, output))
        return
    show(_picture(access, name, everywhere)(snapshot, time.time(), "", None))


def first_snapshot(access: Access, name: str | None, everywhere: bool) -> Snapshot:
    """What there is now. Raises NotFound when the one that is asked for is not there, NoNamespace when that is not."""
    if name:
        return Snapshot((access.read(name),))
    found = tuple(access.find(everywhere)["items"])
    if not found and not everywhere:
        access.check_namespace()
    return Snapshot(found)


def watch_rollouts(access: Access, name: str | None, everywhere: bool, output: str | None) -> None:
    """Shows changes until the user stops it, or until the one rollout that is watched is deleted."""
    first_snapshot(access, name, everywhere)
    with Feed(access, everywhere, name) as feed:
        if output:
            gone = watch_words(feed, partial(_documents, output), partial(_gone, name), stamped=False)
        elif sys.stdout.isatty():
            gone = watch_picture(feed, _picture(access, name, everywhere), partial(_gone, name))
        else:
            gone = watch_words(feed, partial(_words, name, everywhere), partial(_gone, name))
    if gone:
        click.echo(f"modelrollout {name!r} was deleted", err=True)


def _gone(name: str | None, snapshot: Snapshot) -> bool:
    return name is not None and not snapshot.bodies


def _documents(output: str, snapshot: Snapshot) -> list[str]:
    """Each object as one line of JSON, or as a YAML document."""
    if output == "json":
        return [json.dumps(body) for body in snapshot.bodies]
    return [f"---\n{dump(body, output)}" for body in snapshot.bodies]


def _words(name: str | None, everywhere: bool, snapshot: Snapshot) -> list[str]:
    """Each rollout in one line; with its name where there can be several."""
    rollouts = [ModelRollout.from_json(body) for body in snapshot.bodies]
    names = ["" if name else f"{item.key if everywhere else item.name}: " for item in rollouts]
    return [f"{prefix}{one_line(item)}" for prefix, item in zip(names, rollouts, strict=True)]


def _picture(access: Access, name: str | None, everywhere: bool) -> Picture:
    """The tree of one rollout, or where that does not fit the least that one must see of it; or the table of many."""
    pods = PodList(access, name) if name else None

    def draw(snapshot: Snapshot, now: float, note: str, room: Room | None) -> Sequence[Line]:
        rollouts = [ModelRollout.from_json(body) for body in snapshot.bodies]
        if pods is None:
            lines = rollout_table(rollouts, now, everywhere) if rollouts else [line(_none_found(access, everywhere))]
            return [*lines, line(Span(note, Style.BAD))] if note else lines
        if not rollouts:
            return [line(f"{name} is gone")]
        return fitted(View(rollouts[0], now, pods.seen(), note or pods.note), room)

    return draw


def _none_found(access: Access, everywhere: bool) -> str:
    return "there are no modelrollouts" + ("" if everywhere else f" in namespace {access.namespace}")


class PodList:
    """The pods of one rollout, asked for again when the last answer is ``POD_SECONDS`` old. Who may not list pods
    gets the tree without them, and ``note`` says why."""

    def __init__(self, access: Access, name: str) -> None:
        self._access, self._name = access, name
        self._pods: tuple[Pod, ...] = ()
        self._asked_at = float("-inf")
        self.note = ""

    def seen(self) -> tuple[Pod, ...]:
        """The pods as they were a moment ago."""
        if time.monotonic() - self._asked_at >= POD_SECONDS:
            try:
                bodies = self._access.pods(f"{OWNER_LABEL}={self._name}")
                self._pods, self.note = tuple(pod_from_json(body) for body in bodies), ""
            except ClusterError as error:
                self.note = f"no pods are shown: {error.format_message()}"
            self._asked_at = time.monotonic()
        return self._pods
