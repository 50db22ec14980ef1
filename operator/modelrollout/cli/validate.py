"""``modelrollout validate``: a version is looked at in a cluster as before a release, and nothing is released.

The version gets a ModelRollout of its own (``spec.validateOnly``), which is deleted at the end, whatever the end is.
"""

from __future__ import annotations

import secrets
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

import click

from modelrollout.cli.access import Access, Body
from modelrollout.cli.errors import Forbidden, NotFound, NotTaken
from modelrollout.cli.feed import Feed
from modelrollout.cli.files import file_arguments
from modelrollout.cli.live import say, show
from modelrollout.cli.one_manifest import one_manifest
from modelrollout.cli.options import Duration, cluster_options
from modelrollout.cli.outcome import Outcome
from modelrollout.cli.render_detail import validation_block
from modelrollout.cli.validated import (
    Validity,
    name_for,
    refused_by,
    to_validate,
    validation_outcome,
    validation_words,
)
from modelrollout.cli.wait import Wait
from modelrollout.core.accept.acceptance import known_digest
from modelrollout.resource.rollout import ModelRollout, parse_spec
from modelrollout.resource.spec import Spec

SUFFIX_BYTES = 3


@click.command()
@file_arguments("FILE")
@click.option("--name", metavar="NAME", help="Of the ModelRollout that validates. Default: NAME-validate-RANDOM.")
@click.option("--keep", is_flag=True, help="Do not delete it at the end: `describe` shows it, and logs are kept.")
@click.option("--timeout", type=Duration(), metavar="DURATION", help="For example 90s or 2h. Default: no limit.")
@cluster_options
def validate(
    files: tuple[str, ...],
    named: tuple[str, ...],
    recursive: bool,
    name: str | None,
    keep: bool,
    timeout: float | None,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
) -> None:
    """Look at a version in a cluster, without a release.

    Deploys one pod of the version in FILE (`-` is the standard input) beside what serves, looks at it as
    spec.validation says, compares it with what the rollout of that name serves, and removes it: at the end, on Ctrl-C
    and after --timeout. That rollout is left alone: no release begins, nothing is quarantined.

    \b
    0  the version passed
    1  it failed: it cannot be loaded, or a check speaks against it
    2  the spec is refused, or would be by the rollout of that name; there is no such namespace; or wrong usage
    3  it could not be found out, or not within --timeout
    4  the cluster could not be asked
    """
    body = one_manifest(files, named, recursive, "validate").body
    spec = parse_spec(body["spec"])
    assert isinstance(spec, Spec)  # it was checked
    place = namespace_of(body, namespace)
    access = Access(place, context, kubeconfig)
    rollout = str(body["metadata"]["name"])
    digest = compare_with_rollout(access, rollout, spec)
    version = spec.model.version
    own = name or name_for(rollout, version, secrets.token_hex(SUFFIX_BYTES))
    wanted = to_validate(body, own, access.namespace, digest)
    with ended_by_signals(), Beside(access, wanted, chosen=name is not None, keep=keep) as created:
        say(f"{own}: {version} is deployed to be validated, and gets no requests of users")
        end = follow(access, created, timeout)
    say(f"{rollout}: {end.message}")
    sys.exit(end.code)


def namespace_of(body: Body, given: str | None) -> str | None:
    """As kubectl has it: the manifest's, which must not be another than the one that is asked for."""
    written = body["metadata"].get("namespace")
    if given and written and given != written:
        raise click.UsageError(f"the manifest is for namespace {written}, not {given}; leave one of them out")
    return written or given


def compare_with_rollout(access: Access, name: str, spec: Spec) -> str | None:
    """What the rollout of that name knows already; gives the digest by which it knows the version, if it does. Raises
    NotTaken where it would refuse the spec."""
    try:
        existing = ModelRollout.from_json(access.read(name))
    except NotFound:
        say(f"{name}: there is no such rollout yet, so the version is compared with nothing")
        return None
    if (refusal := refused_by(existing, spec)) is not None:
        raise NotTaken(f"{name} would refuse the spec: {refusal.reason}: {refusal.message}")
    if (held := existing.status.held(spec.model.version)) is not None:
        way = f"modelrollout retry {name} -n {access.namespace}"
        say(f"{name}: {held.version} gets no release before {way}: {held.reason}: {held.message}")
    stable = existing.status.stable
    say(f"{name}: {stable.version} serves" if stable is not None else f"{name}: nothing serves yet")
    digest = known_digest(existing.status, spec.model.version)
    if digest is not None:
        say(f"{name}: {spec.model.version} is known by {digest}, which its files must have")
    return digest


def follow(access: Access, created: Body, timeout: float | None) -> Outcome:
    """Says what changes until the end, and then what the version showed."""
    last = ModelRollout.from_json(created)

    def over(rollout: ModelRollout) -> Outcome | None:
        nonlocal last
        last = rollout
        return validation_outcome(rollout)

    deleted = Outcome(Validity.UNKNOWN, f"modelrollout {last.name!r} was deleted by somebody")
    watched = Wait(validation_words, over, deleted, timeout)
    with Feed(access, name=last.name) as feed:
        end = watched.look(last) or watched.follow(feed)
    show(validation_block(last.status))
    return end


@dataclass
class Beside:
    """The ModelRollout that validates, for as long as the block runs. ``chosen``: somebody else may have its name, so
    that it is only removed once it is known to be ours."""

    access: Access
    body: dict[str, Any]
    chosen: bool
    keep: bool
    uid: str | None = None

    def __enter__(self) -> Body:
        """Made, or there is none."""
        try:
            created = self.access.create(self.body)
        except (NotTaken, Forbidden):  # refused, so there is nothing to remove
            raise
        except BaseException:  # the answer may be lost, or the user impatient; the object may be there
            self.remove()
            raise
        self.uid = created["metadata"]["uid"]
        return created

    def __exit__(self, *_: object) -> None:
        self.remove()

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.body["metadata"]["name"])

    def remove(self) -> None:
        """Deleted, with its pods; or how a person does it."""
        by_hand = f"kubectl delete modelrollouts {self.name} -n {self.access.namespace}"
        if self.keep or (self.chosen and self.uid is None):
            left = "is kept" if self.uid is not None else "may be there, and may be somebody else's"
            click.echo(f"modelrollout {self.name!r} {left}; remove it with: {by_hand}", err=True)
            return
        try:
            self.access.delete(self.name, self.uid)
        except NotFound:
            return
        except click.ClickException as error:
            click.echo(f"{error.format_message()}; remove it with: {by_hand}", err=True)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Being told to end, by Ctrl-C too, ends the block by an exception, so that what was made is removed."""
    asked = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, _end) for number in asked}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> NoReturn:
    """The exit code that a shell gives to a program which a signal has ended: none that says anything of a version."""
    sys.exit(128 + number)
