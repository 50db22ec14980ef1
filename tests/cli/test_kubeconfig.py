"""A kubeconfig that is not there is named, with what names it."""

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
