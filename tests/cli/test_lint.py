"""lint: what is found in manifests without a cluster, in which words, and with which exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from modelrollout.cli.main import main

GOOD = """
apiVersion: modelrollout.dev/v1alpha1
kind: ModelRollout
metadata: {name: fraud, namespace: prod}
spec:
  model: {name: fraud, version: 2.4.1187, uri: "pvc://models/fraud/1187"}
  traffic: {hosts: [fraud.prod]}
  strategy: {canary: {steps: [{setWeight: 10}, {setWeight: 50}]}}
"""
OTHER = GOOD.replace("name: fraud, namespace", "name: risk, namespace").replace("fraud.prod]", "risk.prod]")
CONFIG_MAP = "{apiVersion: v1, kind: ConfigMap, metadata: {name: samples}, data: {a: '{}'}}"
VIRTUAL_SERVICE = """
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: legacy, namespace: prod}
spec: {hosts: [%s], http: []}
"""
LIST = '{"apiVersion": "v1", "kind": "List", "items": [%s]}'

IN_ORDER = {
    "one": ([GOOD], "1 ModelRollout in order"),
    "two in one file": ([f"{GOOD}\n---\n{OTHER}"], "2 ModelRollouts in order"),
    "two files": ([GOOD, OTHER], "2 ModelRollouts in order"),
    "beside other kinds": ([f"{CONFIG_MAP}\n---\n{GOOD}"], "1 ModelRollout in order"),
    "a file without any beside one with": ([CONFIG_MAP, GOOD], "1 ModelRollout in order"),
    "empty documents between": ([f"---\n---\n{GOOD}\n---\n"], "1 ModelRollout in order"),
    "one that only validates, beside the one that has its host": (
        [GOOD, GOOD.replace("name: fraud, namespace", "name: look, namespace") + "  validateOnly: {against: fraud}\n"],
        "2 ModelRollouts in order",
    ),
    "a List": ([LIST % CONFIG_MAP.replace("'", '"') + "\n---" + GOOD], "1 ModelRollout in order"),
    "the same name in two namespaces": (
        [GOOD, OTHER.replace("name: risk, namespace: prod", "name: fraud, namespace: test")],
        "2 ModelRollouts in order",
    ),
    "a host at different gateways": (
        [GOOD, OTHER.replace("risk.prod]", "fraud.prod], gateways: [istio-system/public]")],
        "2 ModelRollouts in order",
    ),
    "another VirtualService": ([GOOD + "---" + VIRTUAL_SERVICE % "other.prod"], "1 ModelRollout in order"),
}


def lint(tmp_path: Path, texts: list[str]) -> tuple[int, list[str]]:
    """Exit code and lines, with the folder taken off the file names ``0.yaml``, ``1.yaml``."""
    files = []
    for number, text in enumerate(texts):
        files.append(str(tmp_path / f"{number}.yaml"))
        Path(files[-1]).write_text(text)
    result = CliRunner().invoke(main, ["lint", *files])
    assert result.exception is None or isinstance(result.exception, SystemExit)
    return result.exit_code, result.output.replace(f"{tmp_path}/", "").splitlines()


@pytest.mark.parametrize(("texts", "said"), IN_ORDER.values(), ids=IN_ORDER.keys())
def test_in_order(tmp_path: Path, texts: list[str], said: str) -> None:
    assert lint(tmp_path, texts) == (0, [said])


PROBLEMS = {
    "several in one spec": (
        [GOOD.replace("2.4.1187, uri", "2.4, uri").replace("setWeight: 50", "setWeight: 5")],
        [
            "0.yaml document 1 (fraud): spec.model.version: must be a string, and version '2.4' is not MAJOR.",
            "0.yaml document 1 (fraud): spec.strategy.canary: ",
        ],
    ),
    "in the second document of the second file": (
        [OTHER, f"{CONFIG_MAP}\n---\n{GOOD.replace('pvc://', 'ftp://')}"],
        ["1.yaml document 2 (fraud): spec.model.uri: 'ftp://models/fraud/1187' has an unknown scheme; use pvc://"],
    ),
    "no YAML": (
        [f"{GOOD}\n---\nspec: [1,\nkind: {{"],
        ["0.yaml document 2: line "],
    ),
    "a key twice": (
        [GOOD + "  strategy: {blueGreen: {}}\n"],
        ["0.yaml document 1: line 9, column 3: strategy is given twice in one map; keep one"],
    ),
    "no object": (["just words"], ["0.yaml document 1: is 'just words', not an object with apiVersion and kind"]),
    "no ModelRollout anywhere": ([CONFIG_MAP], ["0.yaml: there is no ModelRollout in here"]),
    "nothing at all": ([""], ["0.yaml: there is no ModelRollout in here"]),
    "a version of the API that does not exist": (
        [GOOD.replace("v1alpha1", "v1")],
        ["0.yaml document 1 (fraud): apiVersion: must be modelrollout.dev/v1alpha1 (given: 'modelrollout.dev/v1')"],
    ),
    "a misspelt kind": (
        [GOOD.replace("kind: ModelRollout", "kind: ModelRolout")],
        ["0.yaml document 1 (fraud): kind: must be ModelRollout (given: 'ModelRolout')"],
    ),
    "a field beside the spec": (
        [GOOD + "analysis: {}\n"],
        ["0.yaml document 1 (fraud): analysis: is no field of a ModelRollout; remove it or move it into spec"],
    ),
    "a misspelt field of the object": (
        [GOOD.replace("spec:", "specs:")],
        ["0.yaml document 1 (fraud): specs: is no field of a ModelRollout; did you mean spec?"],
    ),
    "a misspelt kind of field": (
        [GOOD.replace("kind: ModelRollout", "kin: ModelRollout")],
        ["0.yaml document 1 (fraud): kin: is no field of a ModelRollout; did you mean kind?"],
    ),
    "a misspelt name": (
        [GOOD.replace("{name: fraud, namespace", "{nmae: fraud, namespace")],
        ["0.yaml document 1: metadata.nmae: is no field of an object's metadata; did you mean name?"],
    ),
    "misspelt metadata": (
        [GOOD.replace("metadata:", "metdata:")],
        ["0.yaml document 1: metdata: is no field of a ModelRollout; did you mean metadata?"],
    ),
    "a misspelt field of the spec": (
        [GOOD.replace("traffic:", "trafic:")],
        ["0.yaml document 1 (fraud): spec.trafic: is no field here; did you mean traffic?"],
    ),
    "a misspelt strategy": (
        [GOOD.replace("strategy:", "strategi:")],
        ["0.yaml document 1 (fraud): spec.strategi: is no field here; did you mean strategy?"],
    ),
    "a misspelt field of the metadata": (
        [GOOD.replace("name: fraud, namespace: prod", "name: fraud, lables: {team: a}")],
        ["0.yaml document 1 (fraud): metadata.lables: is no field of an object's metadata; did you mean labels?"],
    ),
    "no name": (
        [GOOD.replace("name: fraud, namespace", "labels: {}, namespace")],
        ["0.yaml document 1: metadata.name: must be a string that is not empty (given: None)"],
    ),
    "no metadata": (
        [GOOD.replace("metadata: {name: fraud, namespace: prod}\n", "")],
        ["0.yaml document 1: metadata.name: must be a string that is not empty (given: None)"],
    ),
    "no spec": (
        ["{apiVersion: modelrollout.dev/v1alpha1, kind: ModelRollout, metadata: {name: fraud}}"],
        ["0.yaml document 1 (fraud): spec: is missing"],
    ),
    "a name too long for its children": (
        [GOOD.replace("name: fraud, namespace", f"name: {'f' * 60}, namespace")],
        [f"0.yaml document 1 ({'f' * 60}): metadata.name: '{'f' * 60}-2-4-1187', the Service of version 2.4.1187, "],
    ),
    "a name that no Service can have": (
        [GOOD.replace("name: fraud, namespace", "name: 4fraud, namespace")],
        ["0.yaml document 1 (4fraud): metadata.name: '4fraud' cannot name a Service; "],
    ),
    "one rollout twice": (
        [GOOD, GOOD],
        [
            "0.yaml document 1 (fraud): metadata.name: prod/fraud is given 2 times, and the last one that is applied",
            "1.yaml document 1 (fraud): metadata.name: prod/fraud is given 2 times, and the last one that is applied",
        ],
    ),
    "a host of another rollout": (
        [GOOD, OTHER.replace("risk.prod]", "risk.prod, fraud.prod]")],
        ["1.yaml document 1 (risk): spec.traffic.hosts: fraud.prod is routed by 0.yaml document 1 (fraud) already; "],
    ),
    "a host of a VirtualService": (
        [GOOD + "---" + VIRTUAL_SERVICE % "fraud.prod"],
        ["0.yaml document 1 (fraud): spec.traffic.hosts: fraud.prod is routed by 0.yaml document 2 (legacy) already; "],
    ),
    "in a List": (
        [LIST % '{"apiVersion": "modelrollout.dev/v1alpha1", "kind": "ModelRollout", "metadata": {"name": "a"}}'],
        ["0.yaml document 1 (a): spec: is missing"],
    ),
}


@pytest.mark.parametrize(("texts", "beginnings"), PROBLEMS.values(), ids=PROBLEMS.keys())
def test_problems(tmp_path: Path, texts: list[str], beginnings: list[str]) -> None:
    code, lines = lint(tmp_path, texts)
    assert code == 1
    assert [begin for begin, found in zip(beginnings, lines, strict=True) if not found.startswith(begin)] == []


REFUSED = sorted((Path(__file__).parents[1] / "api" / "refused").glob("*.yaml"))


@pytest.mark.parametrize("path", REFUSED, ids=lambda path: path.stem)
def test_what_the_cluster_refuses_is_found_before(path: Path) -> None:
    result = CliRunner().invoke(main, ["lint", str(path)])
    assert result.exit_code == 1
    assert all(text.startswith(f"{path} document ") for text in result.output.splitlines())


def test_there_are_manifests_that_the_cluster_refuses() -> None:
    assert len(REFUSED) > 10


def test_a_strangers_manifest_does_nothing_to_a_terminal(tmp_path: Path) -> None:
    """It may come with a pull request, and a name in it be anything."""
    field = '{"a\\e[31m\\n1 ModelRollout in order": 1}'
    code, lines = lint(tmp_path, [GOOD + f"  serving: {{template: {{spec: {field}}}}}\n"])
    assert code == 1
    [line] = lines
    assert "\x1b" not in line
    assert (
        "spec.serving.template.spec.a\N{REPLACEMENT CHARACTER}[31m 1 ModelRollout in order: is no field of a pod"
        in line
    )


def test_standard_input() -> None:
    assert CliRunner().invoke(main, ["lint", "-"], input=GOOD).output == "1 ModelRollout in order\n"
    result = CliRunner().invoke(main, ["lint", "-"], input=GOOD.replace("setWeight: 10", "setWeight: 101"))
    assert result.exit_code == 1
    assert result.output.startswith("<stdin> document 1 (fraud): spec.strategy.canary.steps")


@pytest.mark.parametrize("command", ["lint", "simulate", "validate"])
def test_the_standard_input_has_one_name(command: str) -> None:
    output = CliRunner().invoke(main, [command, "-f", "-"], input="kind: List\napiVersion: v1\nitems: []\n").output
    assert "<stdin>" in output


@pytest.mark.parametrize(("given", "way_out"), [("true", "; write approval: {}"), ("1", ""), ("false", "")])
def test_what_is_an_object_is_not_switched_on_by_true(tmp_path: Path, given: str, way_out: str) -> None:
    code, [line] = lint(tmp_path, [GOOD.replace("{setWeight: 10", f"{{approval: {given}}}, {{setWeight: 10")])
    assert code == 1
    assert ".approval: must be a map of names to values" in line
    assert line.partition("values")[2].startswith(way_out) if way_out else "write" not in line


def test_a_file_that_is_not_there_is_wrong_usage() -> None:
    result = CliRunner().invoke(main, ["lint", "nowhere.yaml"])
    assert result.exit_code == 2
    assert "cannot read nowhere.yaml" in result.output


def test_files_are_named_as_kubectl_takes_them(tmp_path: Path) -> None:
    for name, text in (("a.yaml", GOOD), ("b.yaml", OTHER)):
        (tmp_path / name).write_text(text)
    result = CliRunner().invoke(main, ["lint", "-f", str(tmp_path / "a.yaml"), "-f", str(tmp_path / "b.yaml")])
    assert (result.exit_code, result.output) == (0, "2 ModelRollouts in order\n")


FOLDERS = {
    "what is in it, by the endings that kubectl takes": (["-f", "{}"], 0, "3 ModelRollouts in order"),
    "with its folders": (["-R", "-f", "{}/nested"], 0, "1 ModelRollout in order"),
    "all of it with its folders": (["-R", "-f", "{}"], 1, "wrong/w.yml document 2 (risk): spec.model.uri: "),
    "a file of it, named as well": (["-f", "{}", "{}/a.yaml"], 0, "3 ModelRollouts in order"),
    "nothing in it": (["-f", "{}/empty"], 2, "there is no *.yaml, *.yml or *.json in folder"),
    "with its folders, and nothing in them": (["-R", "-f", "{}/empty"], 2, "there is no *.yaml"),
    "a file of it that is wrong": (["-f", "{}/wrong"], 1, "wrong/w.yml document 2 (risk): spec.model.uri: "),
}


@pytest.mark.parametrize(("arguments", "code", "said"), FOLDERS.values(), ids=FOLDERS.keys())
def test_a_folder_stands_for_the_manifests_in_it(tmp_path: Path, arguments: list[str], code: int, said: str) -> None:
    for name, file in (
        ("first", "a.yaml"),
        ("second", "b.yml"),
        ("third", "nested/deeper/c.yaml"),
        ("fourth", "d.json"),
    ):
        path = tmp_path / file
        path.parent.mkdir(parents=True, exist_ok=True)
        text = GOOD.replace("fraud", name)
        path.write_text(json.dumps(yaml.safe_load(text)) if path.suffix == ".json" else text)
    (tmp_path / "notes.txt").write_text("{")
    (tmp_path / "empty").mkdir()
    (tmp_path / "wrong").mkdir()
    (tmp_path / "wrong" / "w.yml").write_text(f"{GOOD}---{OTHER.replace('pvc://', 'ftp://')}")
    result = CliRunner().invoke(main, ["lint", *(argument.replace("{}", str(tmp_path)) for argument in arguments)])
    assert (result.exit_code, said in result.output) == (code, True), result.output


def test_without_a_file_there_is_nothing_to_do() -> None:
    result = CliRunner().invoke(main, ["lint"])
    assert result.exit_code == 2
    assert "write for example modelrollout lint -f rollout.yaml" in result.output


INFRASTRUCTURE = "\n  validation: {infrastructure: {%s}}"
LIMITED = "\n  serving: {resources: {limits: {memory: 1Gi}}}"
TEMPLATE = (
    "\n  serving: {template: {spec: {containers: [{name: %s, image: some, resources: {limits: {memory: 1Gi}}}]}}}"
)
UNMOUNTED = (
    "\n  serving: {template: {spec: {volumes: [{name: a, secret: {secretName: s}}], "
    "containers: [{name: serving, volumeMounts: [%s]}]}}}"
)
NO_LIMIT, NEVER = "the server has no memory limit here to be a part of", "1h is never reached, as spec.serving.load"

NOTED = {
    "a part of no limit": (INFRASTRUCTURE % "maxMemoryFraction: 0.8", NO_LIMIT),
    "a limit of another container": (INFRASTRUCTURE % "maxMemoryFraction: 0.8" + TEMPLATE % "proxy", NO_LIMIT),
    "a limit": (INFRASTRUCTURE % "maxMemoryFraction: 0.8" + LIMITED, None),
    "a limit in the template": (INFRASTRUCTURE % "maxMemoryFraction: 0.8" + TEMPLATE % "serving", None),
    "more time than there is": (INFRASTRUCTURE % "maxLoadTime: 1h", NEVER),
    "a Secret for a model on a volume": (
        "\n  serving: {storeSecret: fraud-store}",
        "fraud-store is shown to nobody, as",
    ),
    "a volume that is mounted by nobody": (
        UNMOUNTED % "",
        "spec.serving.template.spec.volumes[0]: no container mounts volume a, so nobody finds",
    ),
    "a volume that is mounted": (UNMOUNTED % "{name: a, mountPath: /a}", None),
    "a request that is none": (
        "\n  validation: {samples: {requests: [{instances: [1]}, {inputs: {}}, {data: [1]}]}}",
        "spec.validation.samples.requests[2]: has neither instances nor inputs, so the server answers status 400",
    ),
    "as much time as there is": (INFRASTRUCTURE % "maxLoadTime: 1h" + "\n  serving: {loadTimeout: 1h}", None),
}


@pytest.mark.parametrize(("text", "words"), NOTED.values(), ids=NOTED)
def test_what_can_do_nothing_is_noted_and_is_no_problem(tmp_path: Path, text: str, words: str | None) -> None:
    code, lines = lint(tmp_path, [GOOD.rstrip() + text])
    assert code == 0
    noted = [line for line in lines if line.startswith("note: 0.yaml document 1 (fraud): spec.")]
    assert (len(noted), "1 ModelRollout in order" in lines) == (0 if words is None else 1, True)
    assert words is None or words in noted[0]
