"""A real Prometheus: raw samples with their times, and its refusals in its words."""

from __future__ import annotations

import http.server
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from modelrollout.adapters.prometheus import BadQuery, Prometheus, PrometheusAway
from tests.prometheus_server import SCRAPE_SECONDS, Scraped

pytestmark = pytest.mark.apiserver


def test_raw_samples_have_the_times_of_their_scrapes(scraped: Scraped) -> None:
    scraped.source.lines["raw_total"] = 7
    scraped.wait_for_scrape()
    scraped.source.lines["raw_total"] = 9
    scraped.wait_for_scrape()
    (series,) = scraped.run(lambda prometheus: prometheus.raw("raw_total", 10))
    assert [value for _, value in series.points][-1] == 9
    assert 7 in [value for _, value in series.points]
    gaps = [later - earlier for (earlier, _), (later, _) in zip(series.points, series.points[1:], strict=False)]
    assert all(abs(gap - SCRAPE_SECONDS) < 0.9 for gap in gaps)
    assert abs(series.points[-1][0] - time.time()) < 10


def test_a_window_that_is_no_whole_number_of_seconds(scraped: Scraped) -> None:
    scraped.source.lines["fraction_total"] = 1
    scraped.wait_for_scrape()
    assert scraped.run(lambda prometheus: prometheus.raw("fraction_total", 5.6155))


def test_a_series_that_is_not_there_is_none(scraped: Scraped) -> None:
    assert scraped.run(lambda prometheus: prometheus.raw("nobody_has_this", 10)) == []


@pytest.mark.parametrize(
    ("query", "words"),
    [
        pytest.param("clicks_total{", "parse error", id="broken"),
        pytest.param("nonsense(up)", "unknown function", id="an unknown function"),
        pytest.param('up{job=~"("}', "error parsing regexp", id="a broken regular expression"),
        pytest.param("42", "gives one number and no series", id="a number"),
    ],
)
def test_a_wrong_query_is_refused_in_prometheus_words(scraped: Scraped, query: str, words: str) -> None:
    with pytest.raises(BadQuery) as caught:
        scraped.run(lambda prometheus: prometheus.query(query))
    assert words in str(caught.value)
    assert "HTTP Status Code" not in str(caught.value)


def test_a_native_histogram_is_no_counter() -> None:
    """As Prometheus answers for one (its HTTP API, "Native histograms"): ``histogram`` in place of ``value``."""
    body = {
        "status": "success",
        "data": {
            "resultType": "vector",
            "result": [{"metric": {}, "histogram": [1763884800, {"count": "7", "sum": "3.1", "buckets": []}]}],
        },
    }
    with answering(body) as url, pytest.raises(BadQuery, match="native histograms"):
        Scraped(url, None, None).run(lambda prometheus: prometheus.query("seconds"))  # type: ignore[arg-type]


@contextmanager
def answering(body: object) -> Iterator[str]:
    """A server that gives one and the same answer."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_POST = do_GET

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing: tests print what is wrong."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_which_metrics_it_knows(scraped: Scraped) -> None:
    async def ask(prometheus: Prometheus) -> tuple[bool, bool]:
        return await prometheus.knows("modelrollout_test_source"), await prometheus.knows("nobody_has_this")

    assert scraped.run(ask) == (True, False)


def test_an_address_where_nobody_answers() -> None:
    scraped = Scraped("http://127.0.0.1:9", None, None)  # type: ignore[arg-type]  # only its address is asked for
    with pytest.raises(PrometheusAway) as caught:
        scraped.run(lambda prometheus: prometheus.query("up"))
    assert str(caught.value) == "Prometheus at http://127.0.0.1:9 cannot be reached: [Errno 111] Connection refused"
