"""``modelrollout describe``: everything that is known of one rollout."""

from __future__ import annotations

import time

import click

from modelrollout.cli.access import Access
from modelrollout.cli.errors import ClusterError
from modelrollout.cli.examples import read_examples
from modelrollout.cli.get import PodList
from modelrollout.cli.live import show
from modelrollout.cli.options import cluster_options, dump, name_argument, name_or_only_one, output_option
from modelrollout.cli.render_detail import EventLine, detail, event_from_json
from modelrollout.cli.view import View
from modelrollout.resource.rollout import ModelRollout


@click.command()
@name_argument()
@cluster_options
@output_option
def describe(
    name: str | None, namespace: str | None, context: str | None, kubeconfig: str | None, output: str | None
) -> None:
    """Show everything that is known of one rollout.

    What `get NAME` shows, and the settings, digests, conditions, the whole history and the Events; and while answers
    are compared in the shadow, the newest examples of those that differ, as far as the rollout's compare.show lets them
    be shown, from the comparer's log. Without NAME the namespace's only rollout is meant.
    """
    access = Access(namespace, context, kubeconfig)
    name = name_or_only_one(access, name)
    body = access.read(name)
    if output:
        click.echo(dump(body, output))
        return
    rollout, pods = ModelRollout.from_json(body), PodList(access, name)
    seen = pods.seen()
    events, note = read_events(access, rollout.uid)
    notes, now = "; ".join(text for text in (pods.note, note) if text), time.time()
    show(detail(View(rollout, now, seen, notes), events, read_examples(access, rollout, now)))


def read_events(access: Access, uid: str) -> tuple[list[EventLine], str]:
    """The Events, or why they are not shown."""
    try:
        return [event_from_json(body) for body in access.events(uid)], ""
    except ClusterError as error:
        return [], f"no events are shown: {error.format_message()}"
