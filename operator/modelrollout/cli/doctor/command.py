"""``modelrollout doctor``: the command, and how its findings are told."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from itertools import groupby

import click

from modelrollout.cli.access import Access
from modelrollout.cli.doctor.asking import Ask, behind_the_api_server, direct, names_nothing, within
from modelrollout.cli.doctor.chart import mended
from modelrollout.cli.doctor.counters import AREA as PROMETHEUS
from modelrollout.cli.doctor.counters import counters
from modelrollout.cli.doctor.definitions import control_plane, definitions, version
from modelrollout.cli.doctor.found import Finding, State, exit_code
from modelrollout.cli.doctor.gateways import gateways, smoke_address, smoke_proxy
from modelrollout.cli.doctor.hosts import mesh_hosts
from modelrollout.cli.doctor.look import Look, NotSeen
from modelrollout.cli.doctor.operator import Operator
from modelrollout.cli.doctor.rights import of_operator, of_person
from modelrollout.cli.doctor.running import find
from modelrollout.cli.live import show
from modelrollout.cli.options import cluster_options
from modelrollout.cli.text import Line, Span, Style, line
from modelrollout.resource.rollout import API_VERSION, CLUSTER_DOMAIN, PLURAL, ModelRollout

MARKS = {
    State.THERE: Span("✔ ", Style.GOOD),
    State.DOUBTFUL: Span("! ", Style.WARN),
    State.MISSING: Span("✖ ", Style.BAD),
    State.UNKNOWN: Span("? ", Style.WARN),
}
ADDRESS = "prometheus.url=http://NAME.NAMESPACE:PORT"  # the chart's value, to be filled in
WORDS = {State.THERE: "there", State.DOUBTFUL: "to look at", State.MISSING: "missing", State.UNKNOWN: "not seen"}


@click.command()
@click.option("--operator-namespace", metavar="NAMESPACE", help="Where the operator is. Default: it is looked for.")
@click.option(
    "--prometheus", metavar="URL", help="Ask Prometheus here. Default: the operator's, behind the API server."
)
@click.option("-o", "--output", type=click.Choice(["json"]), help="The findings as objects.")
@cluster_options
def doctor(
    operator_namespace: str | None,
    prometheus: str | None,
    output: str | None,
    namespace: str | None,
    context: str | None,
    kubeconfig: str | None,
) -> None:
    """Check that a cluster has what releases need.

    Looks at the types, Istio, the operator and its rights, the gateways and hosts that rollouts name, and Prometheus
    with its counters; says what is there and what is missing, each with the command that mends it, or that tells why
    it is so. Changes nothing. Without -n the rollouts of all namespaces are looked at.

    \b
    0  all that is needed is there
    1  something is missing
    2  there is no such namespace, or wrong usage
    3  nothing is missing of what could be seen, but not everything could be looked at
    4  the cluster could not be asked
    """
    access = Access(namespace, context, kubeconfig)
    if namespace:
        access.check_namespace()
    look = Look(access)
    findings = list(examine(look, namespace, operator_namespace, prometheus))
    if output:
        click.echo(json.dumps([item.to_json() for item in findings], indent=2))
    else:
        show(list(lines(findings)))
    sys.exit(exit_code(findings))


def examine(look: Look, namespace: str | None, operator_namespace: str | None, url: str | None) -> Iterator[Finding]:
    """Everything, in the order in which it is mended: what stands further up is needed by what follows."""
    yield from version(look)
    operator, told = find(look, operator_namespace)
    yield from definitions(look, operator)
    yield from control_plane(look)
    yield from told
    yield from of_operator(look, operator) if operator is not None else ()
    yield from of_person(look, namespace)
    rollouts, told = _rollouts(look, namespace, operator.cluster_domain if operator is not None else CLUSTER_DOMAIN)
    yield from told
    yield from gateways(look, rollouts)
    yield from smoke_address(look, operator) if operator is not None else ()
    yield from smoke_proxy(operator, rollouts) if operator is not None else ()
    yield from mesh_hosts(look, rollouts)
    yield from _prometheus(look, operator, rollouts, url)


def _rollouts(look: Look, namespace: str | None, domain: str) -> tuple[list[ModelRollout], list[Finding]]:
    where = f"/namespaces/{namespace}" if namespace else ""
    try:
        found = look.all(f"/apis/{API_VERSION}{where}/{PLURAL}")
        return [ModelRollout.from_json(item, domain) for item in found], []
    except NotSeen as error:
        way = "say -n NAMESPACE, or ask somebody who may list modelrollouts"
        return [], [Finding("rollouts", State.UNKNOWN, f"they cannot be looked at: {error}", way)]


def _prometheus(
    look: Look, operator: Operator | None, rollouts: Sequence[ModelRollout], url: str | None
) -> Iterator[Finding]:
    settings = operator.settings if operator is not None else {}
    if names_nothing(look, settings.get("prometheus_url", "")):
        words = (
            f"prometheus.url {settings['prometheus_url']} names a Service that is not there: the operator sees nothing"
        )
        yield Finding(PROMETHEUS, State.MISSING, words, mended(operator, ADDRESS))
        if url is None:
            return
    if url is None and "prometheus_url" not in settings:
        words = "its address is not known, because no operator was found"
        yield Finding(PROMETHEUS, State.UNKNOWN, words, "say --prometheus URL")
        return
    try:
        ask: Ask = direct(url) if url is not None else behind_the_api_server(look, settings["prometheus_url"])
    except NotSeen as error:
        way = "say --prometheus URL, with an address that this machine reaches"
        yield Finding(PROMETHEUS, State.UNKNOWN, f"it was not asked: {error}", way)
        return
    ask = within(ask, settings.get("prometheus_matchers", ""))
    yield from counters(ask, rollouts, settings.get("scrape_interval", ""), _way_to_prometheus(operator, url))


def _way_to_prometheus(operator: Operator | None, url: str | None) -> str:
    """Out of no answer: who said where it is asked, and how that is corrected."""
    if url is not None:
        return "correct --prometheus URL, for example after kubectl port-forward; or leave it out"
    command = mended(operator, ADDRESS)
    return f"{command}, if that is not its address; or say --prometheus URL, after kubectl port-forward"


def lines(findings: Sequence[Finding]) -> Iterator[Line]:
    """By area, with the way to mend below what needs it, each in full once, and the sums at the end."""
    told = set[str]()
    for area, found in groupby(findings, key=lambda item: item.area):
        yield line(Span(area, Style.TITLE))
        for item in found:
            yield line("  ", MARKS[item.state], item.text)
            if item.mend and item.state is not State.THERE:
                yield line("      ", Span("as above" if item.mend in told else item.mend, Style.FAINT))
                told.add(item.mend)
    sums = [(sum(item.state is state for item in findings), words) for state, words in WORDS.items()]
    yield ()
    yield line(", ".join(f"{count} {words}" for count, words in sums if count))
