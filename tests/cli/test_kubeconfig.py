"""A kubeconfig that is not there is named, with what names it; one that cannot be used says why."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from modelrollout.cli.main import main

MISSING = {
    "by the option": (
        ["--kubeconfig", "{folder}/a"],
        {},
        "there is no file {folder}/a, which KUBECONFIG or --kubeconfig names",
    ),
    "by the variable": (
        [],
        {"KUBECONFIG": "{folder}/b"},
        "there is no file {folder}/b, which KUBECONFIG or --kubeconfig names",
    ),
    "several": (
        [],
        {"KUBECONFIG": "{folder}/c:{folder}/d"},
        "there is no file {folder}/c or {folder}/d, which KUBECONFIG or --kubeconfig names",
    ),
    "the usual one": (
        [],
        {},
        "there is no file {folder}/.kube/config; name another one by KUBECONFIG or --kubeconfig",
    ),
}


@pytest.mark.parametrize(("options", "environment", "said"), MISSING.values(), ids=MISSING.keys())
def test_is_named(tmp_path: Path, options: list[str], environment: dict[str, str], said: str) -> None:
    where = {"HOME": str(tmp_path), "KUBECONFIG": None, "KUBERNETES_SERVICE_HOST": None}
    where |= {name: value.format(folder=tmp_path) for name, value in environment.items()}
    result = CliRunner().invoke(main, ["get", *(part.format(folder=tmp_path) for part in options)], env=where)
    assert result.exit_code == 4
    assert result.stderr == f"Error: cannot read the kubeconfig: {said.format(folder=tmp_path)}\n"


KUBECONFIG = """
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
contexts: [{name: staging, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: t}}]
current-context: staging
"""
PLUGIN = "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: no-such-plugin, interactiveMode: Never}"
UNUSABLE = {
    "no YAML": (b"*text*", [], "{file} is no kubeconfig; name another one by KUBECONFIG or --kubeconfig"),
    "another YAML": (b"[1, 2]", [], "{file} is no kubeconfig; name another one by KUBECONFIG or --kubeconfig"),
    "no text": (b"\x00\xff", [], "{file} is no kubeconfig; name another one by KUBECONFIG or --kubeconfig"),
    "a context that it does not have": (
        KUBECONFIG.encode(),
        ["--context", "prod"],
        "there is no context prod in {file}; it has staging",
    ),
    "a plug-in that is not installed": (
        KUBECONFIG.replace("token: t", PLUGIN).encode(),
        [],
        "the user of {file} cannot be signed in: [Errno 2] No such file or directory: 'no-such-plugin'",
    ),
}


OTHER = "name another one by KUBECONFIG or --kubeconfig"
UNREAD = {
    "a folder": ("{folder}/it", f"{{folder}}/it cannot be read: Is a directory; {OTHER}"),
    "a folder beside a file": ("{folder}/good:{folder}/it", f"{{folder}}/it cannot be read: Is a directory; {OTHER}"),
    "one that names a folder": ("{folder}/bad", "{folder}/bad names {folder}/it, which cannot be read: Is a directory"),
}


@pytest.mark.parametrize(("files", "said"), UNREAD.values(), ids=UNREAD.keys())
def test_one_that_cannot_be_read_is_a_sentence(tmp_path: Path, files: str, said: str) -> None:
    """Whether the cluster is up is not the question then."""
    (tmp_path / "it").mkdir()
    (tmp_path / "good").write_text(KUBECONFIG)
    (tmp_path / "bad").write_text(KUBECONFIG.replace("token: t", f"tokenFile: {tmp_path}/it"))
    result = CliRunner().invoke(main, ["get", "--kubeconfig", files.format(folder=tmp_path)])
    assert result.exit_code == 4
    assert result.stderr == f"Error: cannot read the kubeconfig: {said.format(folder=tmp_path)}\n"


@pytest.mark.parametrize(("text", "options", "said"), UNUSABLE.values(), ids=UNUSABLE.keys())
def test_what_is_wrong_with_one_is_a_sentence(tmp_path: Path, text: bytes, options: list[str], said: str) -> None:
    file = tmp_path / "config"
    file.write_bytes(text)
    result = CliRunner().invoke(main, ["get", "--kubeconfig", str(file), *options])
    assert (result.exit_code, result.stderr) == (4, f"Error: cannot read the kubeconfig: {said.format(file=file)}\n")
