"""A traffic for a manifest of which nobody has written one: all that it must tell, and nothing that it may not."""

from __future__ import annotations

from modelrollout.api.analysis import Analysis
from modelrollout.resource.spec import Spec

ERRORS, LATENCY, REWARD = "0.005", "{median: 30ms, p99: 110ms}", "0.05"
IN_SEGMENTS = 0.9  # of all requests; the others are in none


def suggested_traffic(spec: Spec) -> str:
    """The text of a traffic file: both versions answer alike, until somebody writes what they expect."""
    answers = _answers(spec.analysis)
    lines = [
        "rps: 100  # requests a second",
        "scrapeInterval: 5s",
        "duration: 1h",
        f"stable: {{{answers}}}",
        f"candidate: {{{answers}}}",
    ]
    if spec.traffic.match:
        lines.append("matched: {share: 0.1}  # the part of the requests that traffic.match is about")
    if names := list(spec.segments):
        share = f"{IN_SEGMENTS / len(names):.2g}"
        lines.append(f"segments: {{{', '.join(f'{name}: {{share: {share}}}' for name in names)}}}")
    return "\n".join(lines)


def _answers(analysis: Analysis) -> str:
    parts = [f"errors: {ERRORS}"]
    if any(metric.name == "latency" for metric in analysis.metrics):
        parts.append(f"latency: {LATENCY}")
    if own := [metric.name for metric in analysis.metrics if not metric.built_in]:
        parts.append(f"rewards: {{{', '.join(f'{name}: {REWARD}' for name in own)}}}")
    return ", ".join(parts)
