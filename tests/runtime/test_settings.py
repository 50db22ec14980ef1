"""Settings from the environment: read, or refused with a sentence that names the variable."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest

from modelrollout.runtime.settings import PREFIX, BadSetting, Settings, from_environment

HOSTS = '[{"namespaces": ["prod"], "hosts": ["*.example.com"], "gateways": ["mesh"]}]'


def test_without_variables_everything_has_its_default() -> None:
    assert from_environment({}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        pytest.param("namespaces", "prod, dev,", ("prod", "dev"), id="a list"),
        pytest.param("namespaces", "", (), id="an empty list"),
        pytest.param("poll", "250ms", 0.25, id="a duration"),
        pytest.param("hosts", HOSTS, HOSTS, id="rules"),
        pytest.param("pass_timeout", "2m", 120.0, id="minutes"),
        pytest.param("scrape_interval", "", None, id="no interval"),
        pytest.param("scrape_interval", "15s", 15.0, id="an interval"),
        pytest.param("workers", "16", 16, id="a number"),
        pytest.param("file_root", "/srv/models", "/srv/models", id="a path"),
        pytest.param("file_root", "", None, id="no path"),
        pytest.param("cluster_domain", "k8s.corp.local", "k8s.corp.local", id="a domain"),
        pytest.param("prometheus_matchers", 'a="b",c!~"d.*"', 'a="b",c!~"d.*"', id="matchers"),
    ],
)
def test_a_variable_is_read(name: str, text: str, value: Any) -> None:
    settings = from_environment({PREFIX + name.upper(): text})
    assert getattr(settings, name) == value
    assert all(
        getattr(settings, item.name) == getattr(Settings(), item.name) for item in fields(Settings) if item.name != name
    )


@pytest.mark.parametrize(
    ("variable", "text", "words"),
    [
        pytest.param("MODELROLLOUT_POLL", "fast", "MODELROLLOUT_POLL: 'fast' cannot be read", id="no duration"),
        pytest.param("MODELROLLOUT_POLL", "", "MODELROLLOUT_POLL: '' cannot be read", id="an empty duration"),
        pytest.param("MODELROLLOUT_WORKERS", "many", "MODELROLLOUT_WORKERS: 'many' cannot be read", id="no number"),
        pytest.param(
            "MODELROLLOUT_PROMETHEUS_MATCHERS",
            "cluster=prod",
            'MODELROLLOUT_PROMETHEUS_MATCHERS: cluster=prod are no matchers; write for example cluster="prod-eu"',
            id="matchers without quotes",
        ),
        pytest.param("MODELROLLOUT_HOSTS", '["prod"]', 'MODELROLLOUT_HOSTS: "prod" has not namespaces', id="no rule"),
        pytest.param(
            "MODELROLLOUT_CLUSTER_DOMAIN",
            ".corp.local",
            "MODELROLLOUT_CLUSTER_DOMAIN: .corp.local is no domain; write for example cluster.local",
            id="a domain that begins with a dot",
        ),
        pytest.param(
            "MODELROLLOUT_PROMETHEUS_ULR",
            "http://p",
            "MODELROLLOUT_PROMETHEUS_ULR is no setting; did you mean MODELROLLOUT_PROMETHEUS_URL?",
            id="misspelt",
        ),
    ],
)
def test_a_wrong_variable_is_refused_by_name(variable: str, text: str, words: str) -> None:
    with pytest.raises(BadSetting) as caught:
        from_environment({variable: text})
    assert words in str(caught.value)


def test_what_a_service_called_modelrollout_brings_is_no_setting() -> None:
    brought = {"MODELROLLOUT_PORT": "tcp://10.0.0.1:8080", "MODELROLLOUT_SERVICE_HOST": "10.0.0.1"}
    assert from_environment(brought) == Settings()


def test_every_setting_says_why() -> None:
    assert [item.name for item in fields(Settings) if not item.metadata["reason"].endswith(".")] == []
