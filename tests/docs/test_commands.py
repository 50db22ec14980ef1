"""Every command that a page shows works: our own is parsed, and run where that needs no cluster; kubectl and helm run
against a real API server; targets of make and modules exist. What cannot be run here is listed, with why."""

from __future__ import annotations

import importlib.util
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from modelrollout.cli.main import main
from tests.apiserver import ApiServer
from tests.docs.commands import ROOT, Shown, shown
from tests.kubernetes import Kubernetes

SHOWN = shown()
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
WITHOUT_A_CLUSTER = ("lint", "completion", "fetch")
NOT_RUN = {
    "pip": "installs what these tests run from",
    "docker": "tests/chart/test_image.py reads the Dockerfile; there is no Docker here",
    "curl": "addresses of other clusters; what they ask is asked by tests/rewards, tests/comparison and the stories",
}


def of(program: str) -> list[Shown]:
    """The commands of one program, with all that they are given; mentions by name left out."""
    found = [item for item in SHOWN if item.program == program]
    return [item for item in found if len(item.words) > 2 or not item.in_words or program != "kubectl"]


def texts(items: list[Shown]) -> list[object]:
    """As parameters: each text once, named by it."""
    first = {" ".join(item.words): item for item in reversed(items)}
    return [pytest.param(item, id=name[:100]) for name, item in sorted(first.items())]


def test_no_command_is_left_out() -> None:
    checked = {"modelrollout", "kubectl", "helm", "make", "python"}
    assert {item.program for item in SHOWN} == checked | set(NOT_RUN)


@pytest.mark.parametrize("item", texts(of("modelrollout")))
def test_our_own_is_parsed(item: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name, its options and its arguments. A name alone is a mention, and the help of one needs no arguments."""
    monkeypatch.chdir(ROOT)
    _, name, *arguments = item.words
    command = main.get_command(click.Context(main), name)
    assert command is not None, f"{item.page}: {item.text}"
    if arguments and arguments != ["--help"]:
        with command.make_context(name, given(arguments), parent=click.Context(main)):
            pass


def given(arguments: list[str]) -> list[str]:
    """With files that are there in place of those of a reader."""
    ours = {"rollout.yaml": "healthy/rollout.yaml", "traffic.yaml": "healthy/traffic.yaml"}
    places = {name: f"examples/simulate/{path}" for name, path in ours.items()} | {"samples.jsonl": "pyproject.toml"}
    return [places.get(word, word) for word in arguments]


@pytest.mark.parametrize(
    "item", texts([item for item in of("modelrollout") if item.words[1] in WITHOUT_A_CLUSTER and item.words[2:]])
)
def test_what_needs_no_cluster_is_run(item: Shown, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    result = CliRunner().invoke(main, item.words[1:])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: str(path.name))
def test_lint_takes_every_example(example: Path) -> None:
    """In both ways of naming a file, as the pages do."""
    for arguments in (["-f", str(example)], [str(example)]):
        result = CliRunner().invoke(main, ["lint", *arguments])
        assert (result.exit_code, result.output) == (0, "1 ModelRollout in order\n")


@pytest.mark.parametrize("item", texts(of("make")))
def test_targets_of_make_exist(item: Shown) -> None:
    known = re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M)
    assert set(item.words[1:]) <= set(known)


@pytest.mark.parametrize("item", texts(of("python")))
def test_modules_exist(item: Shown) -> None:
    assert item.words[1] == "-m"
    module = item.words[2]
    assert importlib.util.find_spec(module) is not None
    assert importlib.util.find_spec(f"{module}.__main__") is not None or (ROOT / f"{module}.py").exists()


@pytest.fixture
def fraud(kubernetes: Kubernetes) -> Iterator[ApiServer]:
    """The rollout that the pages speak of, with what they wait for, and the namespaces."""
    for name in ("modelrollout-system", "prod"):
        kubernetes.server.ask("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
    server, path = kubernetes.server, "/apis/modelrollout.dev/v1alpha1/namespaces/default/modelrollouts/fraud"
    body = {
        "apiVersion": "modelrollout.dev/v1alpha1",
        "kind": "ModelRollout",
        "metadata": {"name": "fraud"},
        "spec": {
            "model": {"name": "fraud", "version": "2.4.1187", "uri": "pvc://models/fraud/1187"},
            "traffic": {"hosts": ["fraud.default"]},
            "strategy": {"canary": {"steps": [{"setWeight": 10}]}},
        },
    }
    assert server.apply(path, body).status < 300
    since = "2026-01-02T03:04:05Z"
    condition = {
        "type": "Validated",
        "status": "True",
        "reason": "Validated",
        "message": "",
        "lastTransitionTime": since,
    }
    patch = {"status": {"phase": "Healthy", "conditions": [condition]}}
    assert server.ask("PATCH", f"{path}/status", patch, content="application/merge-patch+json").status == 200
    yield server
    server.ask("DELETE", "/apis/modelrollout.dev/v1alpha1/namespaces/default/modelrollouts")


@pytest.mark.apiserver
@pytest.mark.parametrize("item", texts(of("kubectl")))
def test_kubectl_is_run(fraud: ApiServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, item: Shown) -> None:
    """What removes something only tries to, and a reader's own file is any file."""
    monkeypatch.chdir(ROOT)
    words = [_with_file(word, tmp_path) for word in item.words[1:]]
    trial = ["--dry-run=server"] if item.words[1] in ("delete", "apply") else []
    trial += ["--force-conflicts"] if "--server-side" in item.words else []  # other tests have written it, too
    done = fraud.run("kubectl", *words, *trial)
    assert done.returncode == 0, f"{item.page}: {item.text}\n{done.stdout}{done.stderr}"


def _with_file(word: str, folder: Path) -> str:
    option, _, name = word.partition("=")
    if option != "--from-file" or (ROOT / name).exists():
        return word
    (folder / name).write_bytes(b"\x00\x01")
    return f"{option}={folder / name}"


@pytest.mark.apiserver
@pytest.mark.parametrize("item", texts([item for item in of("helm") if len(item.words) > 2]))
def test_helm_is_run(api_server: ApiServer, monkeypatch: pytest.MonkeyPatch, item: Shown) -> None:
    """Installed without an object of the cluster written: the values are taken, and the objects come out."""
    monkeypatch.chdir(ROOT)
    action, *arguments = item.words[1:]
    if action == "uninstall":
        known = api_server.run("helm", action, "--help").stdout
        assert all(word.split("=")[0] in known for word in arguments if word.startswith("--"))
        return
    wanted = [word for word in arguments if word not in ("--reuse-values", "--create-namespace")]
    done = api_server.run("helm", "template", *wanted)
    assert done.returncode == 0, f"{item.page}: {item.text}\n{done.stderr}"


def test_the_reward_that_the_page_sends_is_one() -> None:
    [sent] = [item for item in SHOWN if item.program == "curl" and "/v1/rewards" in item.text and "-d" in item.words]
    body = json.loads(sent.words[sent.words.index("-d") + 1])
    assert set(body) == {"decision", "reward"}
