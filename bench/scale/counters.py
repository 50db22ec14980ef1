"""``python -m bench.scale.counters PORT``: an Envoy's page of statistics for any number of versions.

``POST /versions`` takes ``[{"host": ..., "rate": requests/s, "errors": share}]``. Counters go on by the clock; how many
of the requests failed is drawn at random. ``GET /scrapes`` gives the times at which the page was read.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field

import numpy as np
from aiohttp import web

USUAL_ERRORS = 0.005
# Milliseconds, and the share of the requests that took no longer: 0.5 % are slower than 500 ms.
BUCKETS = (
    *(("1", 0.3), ("5", 0.7), ("10", 0.93), ("25", 0.97), ("50", 0.985), ("100", 0.99), ("250", 0.993)),
    *(("500", 0.995), ("1000", 0.999), ("2500", 1.0), ("5000", 1.0), ("10000", 1.0), ("+Inf", 1.0)),
)


@dataclass
class Version:
    """What the gateway has counted of one version."""

    at: float
    rate: float = 0.0
    errors: float = USUAL_ERRORS
    good: int = 0
    bad: int = 0
    part: float = 0.0  # of a request

    def go_on(self, now: float, random: np.random.Generator) -> None:
        """The requests since the last time."""
        wanted = self.rate * (now - self.at) + self.part
        requests = int(wanted)
        self.at, self.part = now, wanted - requests
        bad = int(random.binomial(requests, self.errors)) if requests else 0
        self.good, self.bad = self.good + requests - bad, self.bad + bad

    def lines(self, host: str) -> list[str]:
        """In Prometheus' text format. Nothing before the first request, but what a cluster has from its beginning."""
        cluster = f'cluster_name="outbound|8501||{host}"'
        requests = self.good + self.bad
        if not requests:
            return []
        answers = [("200", "2xx", self.good), ("503", "5xx", self.bad)]
        found = [f"envoy_cluster_upstream_rq_total{{{cluster}}} {requests}"]
        found += [f"envoy_cluster_upstream_rq_active{{{cluster}}} 0"]
        found += [f"{name}{{{cluster}}} 0" for name in _ENDED]
        for code, group, count in answers:
            found += [f'envoy_cluster_upstream_rq{{{cluster},response_code="{code}"}} {count}'] if count else []
            found += [f'envoy_cluster_upstream_rq{{{cluster},response_code_class="{group}"}} {count}'] if count else []
        name = "envoy_cluster_upstream_rq_time_bucket"
        return [*found, *(f'{name}{{{cluster},le="{bound}"}} {int(requests * share)}' for bound, share in BUCKETS)]


_ENDED = (
    "envoy_cluster_upstream_cx_destroy_local_with_active_rq",
    "envoy_cluster_upstream_rq_tx_reset",
    "envoy_cluster_upstream_rq_cancelled",
    "envoy_cluster_upstream_rq_timeout",
    "envoy_cluster_upstream_rq_per_try_timeout",
)


@dataclass
class Gateway:
    """All versions, and when they were scraped."""

    random: np.random.Generator
    versions: dict[str, Version] = field(default_factory=dict)
    scrapes: list[float] = field(default_factory=list)

    async def metrics(self, _: web.Request) -> web.Response:
        now = time.time()
        self.scrapes.append(now)
        lines = ["envoy_server_live{} 1"]
        for host, version in self.versions.items():
            version.go_on(now, self.random)
            lines += version.lines(host)
        return web.Response(text="\n".join(lines) + "\n")

    async def change(self, request: web.Request) -> web.Response:
        now = time.time()
        for wanted in await request.json():
            version = self.versions.setdefault(wanted["host"], Version(now))
            version.go_on(now, self.random)
            version.rate = wanted.get("rate", version.rate)
            version.errors = wanted.get("errors", version.errors)
        return web.json_response({"at": now})

    async def read(self, _: web.Request) -> web.Response:
        return web.json_response(self.scrapes)


def main(port: int) -> None:
    """Serve until the process is ended."""
    gateway = Gateway(np.random.default_rng(1))
    app = web.Application(client_max_size=2**24)
    routes = [web.get("/metrics", gateway.metrics), web.post("/versions", gateway.change)]
    app.add_routes([*routes, web.get("/scrapes", gateway.read)])
    web.run_app(app, host="127.0.0.1", port=port, access_log=None, print=None)


if __name__ == "__main__":
    main(int(sys.argv[1]))
