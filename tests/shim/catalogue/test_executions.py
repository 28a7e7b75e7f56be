"""Test executions that describe and name their outputs, and others that use them by name."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.catalogue import properties, stored
from translator.shim.catalogue.names import parse
from translator.shim.contract import Input, InputFiles, Output, State, Step
from translator.shim.inputs import edges

if TYPE_CHECKING:
    from pathlib import Path

    from tests.shim.conftest import Worker
    from translator.shim.contract import Manifest

SIDECAR = "a.txt.metadata.json"
LINES = "valohai.metadata.jsonl"


def made(worker: Worker, described: dict[str, Any], node: str = "make", **files: str) -> Manifest:
    """Run an execution that writes ``a.txt`` and other files, and describes ``a.txt``."""
    texts = {"a.txt": "a", **files, SIDECAR: json.dumps(described)}
    commands = [f"cat > $VH_OUTPUTS_DIR/{name} <<'EOF'\n{text}\nEOF" for name, text in texts.items()]
    return worker.run(commands, node=node)


def used(worker: Worker, *uris: str, upstream: Manifest | None = None, **options: Any) -> tuple[Manifest, Any]:
    """Run an execution that reads an input; return its manifest, and what ``inputs.json`` says of the input."""
    step_input = Input("data", uris, **options)
    step = Step(
        "use",
        ["cp $VH_CONFIG_DIR/inputs.json $VH_OUTPUTS_DIR/seen.json", "cat $VH_INPUTS_DIR/data/*"],
        inputs=[step_input],
    )
    wanted = InputFiles(defaults=uris)
    if upstream is not None:
        wanted = edges.files(step_input, [Output("make")], "replace", {"make": [upstream]})
    manifest = worker.run(step, inputs={"data": wanted}, node="use")
    if manifest.state is not State.COMPLETE:
        return manifest, None
    path = worker.store.key(manifest.outputs[0].uri)
    return manifest, json.loads(worker.store.read(path))["data"]["files"]


def test_properties_travel_with_the_file(worker: Worker) -> None:
    manifest = made(worker, {"split": "train", "valohai.tags": ["clean"]})
    assert manifest.state is State.COMPLETE
    _, (seen,) = used(worker, upstream=manifest)
    assert seen["metadata"] == [{"split": "train", "valohai.tags": ["clean"]}]
    assert worker.store.manifest(manifest.uri).outputs[0].properties == {"split": "train", "valohai.tags": ["clean"]}


def test_names_stand_for_what_was_made(worker: Worker) -> None:
    manifest = made(
        worker,
        {
            "valohai.alias": "prod",
            "valohai.dataset-versions": [
                "dataset://images/v1",
                {"uri": "dataset://more/1", "targeting_aliases": ["dev"], "packaging": True},
            ],
            "valohai.model-versions": [{"model_uri": "model://churn/", "model_version_tags": ["x"]}],
        },
    )
    assert manifest.state is State.COMPLETE, manifest.reason
    names = {
        "datum://prod": "datum://prod",
        "dataset://images/latest": "dataset://images/v1",
        "dataset://more/dev": "dataset://more/1",
        "model://churn/latest": "model://churn/v1",
    }
    for written, name in names.items():
        ran, (seen,) = used(worker, written)
        assert worker.output[-1] == "a"
        assert seen["metadata"][0]["valohai.alias"] == "prod"
        (data,) = ran.data
        assert (data.written, data.name, data.source) == (written, name, worker.store.root)
        assert [(file.path, file.sha256) for file in data.files] == [("a.txt", manifest.outputs[0].sha256)]
        assert worker.store.manifest(ran.uri).data == [data]
        assert (f"{written} is {name}" in worker.notes) == (written != name)


def test_the_files_of_a_version_are_all_that_name_it(worker: Worker) -> None:
    line = json.dumps({"file": "b.txt", "metadata": {"valohai.dataset-versions": ["dataset://images/v1"]}})
    made(worker, {"valohai.dataset-versions": ["dataset://images/v1"]}, **{"b.txt": "b", "c.txt": "c", LINES: line})
    _, seen = used(worker, "dataset://images/v1")
    assert [file["name"] for file in seen] == ["a.txt", "b.txt"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"from": "dataset://images/v1"}, ["old.txt", "same.txt", "a.txt"]),
        ({"from": "dataset://images/latest", "exclude": ["old.txt"]}, ["same.txt", "a.txt"]),
        ({"from": "dataset://images/v1", "exclude": ["*"]}, ["a.txt"]),
        ({"from": "dataset://images/v1", "start_fresh": True}, ["a.txt"]),
        ({}, ["a.txt"]),
    ],
)
def test_a_version_from_another(worker: Worker, options: dict[str, Any], expected: list[str]) -> None:
    described = {"valohai.dataset-versions": ["dataset://images/v1"]}
    lines = "\n".join(json.dumps({"file": name, "metadata": described}) for name in ("old.txt", "same.txt"))
    made(worker, {}, "first", **{"old.txt": "1", "same.txt": "1", LINES: lines})
    made(worker, {"valohai.dataset-versions": [{"uri": "dataset://images/v2", **options}]}, "second")
    entry = stored.find(worker.store, parse("dataset://images/latest"))
    assert (entry.name.version, [file.path for file in entry.files]) == ("v2", expected)


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ({"valohai.alias": ["x"]}, "valohai.alias of 'a.txt' must be a string"),
        ({"valohai.alias": "a/b"}, "valohai.alias of 'a.txt': 'datum://a/b' is not a name of data"),
        ({"valohai.alias": "dataset://x/prod"}, "'dataset://x/prod' is not the alias of a datum"),
        ({"valohai.dataset-versions": ["dataset://x/latest"]}, "'latest' is the alias of the newest version"),
        (
            {"valohai.dataset-versions": [{"uri": "dataset://x/1", "targeting_aliases": ["1"]}]},
            "cannot be its own alias",
        ),
        ({"valohai.dataset-versions": "images"}, "'images' is not a name of data"),
        ({"valohai.dataset-versions": 1}, "valohai.dataset-versions of 'a.txt' must be a list"),
        ({"valohai.dataset-versions": [1]}, "'1' is neither a name nor an object with 'uri'"),
        ({"valohai.dataset-versions": [{}]}, "lacks the name of the version: 'uri'"),
        ({"valohai.dataset-versions": ["model://x/1"]}, "'model://x/1' is not a dataset"),
        ({"valohai.dataset-versions": ["dataset://x"]}, "write dataset://NAME/VERSION"),
        (
            {"valohai.dataset-versions": [{"uri": "dataset://x/1", "exclude": "a"}]},
            "'exclude' must be a list of strings",
        ),
        (
            {"valohai.dataset-versions": [{"uri": "dataset://x/1", "from": "dataset://no/1"}]},
            "which is not in the store's",
        ),
        (
            {"valohai.dataset-versions": [{"uri": "dataset://x/1", "targeting_aliases": ["a/b"]}]},
            "write dataset://NAME/VER",
        ),
    ],
)
def test_a_name_that_cannot_be_given_is_an_error(worker: Worker, described: dict[str, Any], reason: str) -> None:
    manifest = made(worker, described)
    assert manifest.state is State.ERROR
    assert reason in manifest.reason
    assert [file.path for file in manifest.outputs] == ["a.txt", SIDECAR]
    assert list(stored.names(worker.store, print)) == []


def test_a_version_that_another_run_made_is_an_error(worker: Worker) -> None:
    described = {"valohai.dataset-versions": ["dataset://images/v1"]}
    assert made(worker, described).state is State.COMPLETE
    manifest = made(worker, described, "other")
    assert (manifest.state, stored.find(worker.store, parse("dataset://images/v1")).maker.node) == (State.ERROR, "make")
    assert "dataset://images/v1 exists already: node 'make' of run" in manifest.reason
    assert worker.run("true", node="make", attempt=2).state is State.COMPLETE
    assert made(worker, described).state is State.COMPLETE  # the same execution again


def test_a_failed_command_names_nothing(worker: Worker) -> None:
    command = (
        """echo '{"valohai.alias": "x"}' > $VH_OUTPUTS_DIR/a.txt.metadata.json; touch $VH_OUTPUTS_DIR/a.txt; false"""
    )
    assert worker.run(command).state is State.ERROR
    assert list(stored.names(worker.store, print)) == []


def test_an_unknown_name_fails_before_the_command(worker: Worker) -> None:
    manifest, _ = used(worker, "datum://none")
    assert manifest.state is State.ERROR
    assert "input 'data': datum://none is not in the catalogue of the store" in manifest.reason
    assert manifest.exit_status is None


def test_an_optional_input_needs_its_name_as_well(worker: Worker) -> None:
    manifest, _ = used(worker, "datum://none", optional=True)
    assert manifest.state is State.ERROR


def test_unknown_options_are_ignored_with_a_warning(worker: Worker) -> None:
    described = {"valohai.dataset-versions": [{"uri": "dataset://x/1", "colour": "red"}]}
    assert made(worker, described).state is State.COMPLETE
    assert "unknown option 'colour' is ignored" in worker.notes


@pytest.mark.parametrize(
    ("files", "found", "warning"),
    [
        ({"a.txt.metadata.json": '{"a": 1}'}, {"a.txt": {"a": 1}}, ""),
        ({"d/b.txt.metadata.json": '{"a": 1}'}, {"d/b.txt": {"a": 1}}, ""),
        ({LINES: '{"file": "a.txt", "metadata": {"a": 1}}\n\n'}, {"a.txt": {"a": 1}}, ""),
        ({LINES: '{"file": "./d/b.txt", "metadata": {"a": 1}}'}, {"d/b.txt": {"a": 1}}, ""),
        (
            {LINES: '{"file": "a.txt", "metadata": {"a": 1, "b": 2}}', "a.txt.metadata.json": '{"a": 3}'},
            {"a.txt": {"a": 3, "b": 2}},
            "",
        ),
        ({"a.txt.metadata.json": ""}, {}, ""),
        ({"a.txt.metadata.json": "{"}, {}, "a.txt.metadata.json is ignored: it is not JSON"),
        ({"a.txt.metadata.json": "\xff"}, {}, "a.txt.metadata.json is ignored: it is not JSON"),
        ({"a.txt.metadata.json": "[1]"}, {}, "the properties of 'a.txt' are not a JSON object"),
        ({"a.txt.metadata.json": "[" * 9999}, {}, "is ignored: it is not JSON"),
        ({"a.txt.metadata.json": json.dumps({"a": "x" * (1 << 20)})}, {}, "have more than 1048576 characters"),
        ({"none.metadata.json": "{}"}, {}, "none.metadata.json is ignored: there is no output 'none'"),
        ({LINES: '{"file": "../a.txt", "metadata": {}}'}, {}, "there is no output '../a.txt'"),
        ({LINES: '{"file": 1}'}, {}, f"line 1 of {LINES} is ignored: it is not"),
        ({LINES: '{"file": "a.txt", "metadata": 1}'}, {}, "the properties of 'a.txt' are not a JSON object"),
        ({LINES: 'x\n{"file": "a.txt", "metadata": {"a": 1}}'}, {"a.txt": {"a": 1}}, f"line 1 of {LINES} is ignored"),
        ({"a.txt.metadata.json": '{"a": NaN, "b": "\\u0000x"}'}, {"a.txt": {"a": None, "b": "x"}}, ""),
    ],
)
def test_properties(files: dict[str, str], found: dict[str, Any], warning: str, tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    for path, text in {"a.txt": "", "d/b.txt": "", **files}.items():
        (tmp_path / path).write_text(text, encoding="latin-1")
    warnings: list[str] = []
    assert properties.read(tmp_path, ["a.txt", "d/b.txt", *files], warnings.append) == found
    assert len(warnings) == bool(warning)
    assert warning in "".join(warnings)


def test_the_limit_of_properties_is_for_all_lines_of_a_file(tmp_path: Path) -> None:
    part = "x" * (1 << 18)
    lines = [{"file": "a.txt", "metadata": {key: part}} for key in "abcdef"]
    again = {"file": "a.txt", "metadata": {"a": "y" + part[1:]}}
    (tmp_path / LINES).write_text("\n".join(map(json.dumps, [*lines, again])))
    warnings: list[str] = []
    found = properties.read(tmp_path, ["a.txt", LINES], warnings.append)
    assert [(key, value == part) for key, value in found["a.txt"].items()] == [("a", False), ("b", True), ("c", True)]
    assert [warning.partition(" of ")[0] for warning in warnings] == ["line 4", "line 5", "line 6"]


def test_secrets_are_masked_in_properties(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", "s3cr3t-value")
    command = (
        """touch $VH_OUTPUTS_DIR/a.txt; """
        """echo "{\\"token\\": \\"$API_TOKEN\\"}" > $VH_OUTPUTS_DIR/a.txt.metadata.json"""
    )
    step = Step("make", [command], secret_variables={"API_TOKEN": "API_TOKEN"})
    manifest = worker.run(step)
    assert manifest.state is State.COMPLETE, manifest.reason
    assert manifest.outputs[0].properties["token"] != "s3cr3t-value"  # noqa: S105 - it is masked
    assert "s3cr3t" not in worker.store.read(worker.store.key(manifest.uri)).decode()
