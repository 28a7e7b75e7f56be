"""Test the names of data in ``translator.toml``, as the compiler sees them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import jsonschema
import pytest

from translator.config.catalogue import SCHEMA
from translator.load import Loaded, load

SOURCE = """\
- step:
    name: train
    image: i
    command: "true"
    inputs:
      - {name: a, default: "dataset://images/latest"}
      - {name: b, default: ["datum://model", "datum://model"]}
      - {name: c, default: "dataset://{parameter:set}/latest"}
    parameters: [{name: set, default: x}]
- pipeline: {name: P, nodes: [{name: fit, type: execution, step: train}], edges: []}
"""
GOOD = """\
[catalogue.names]
"dataset://images/v1" = ["s3://b/*.jpg"]
"dataset://images/latest" = "dataset://images/v1"
"datum://model" = "models/model.pkl"
[catalogue.environments.staging]
"datum://other" = "s3://b/other"
"""
FAULTS = [
    ("catalogue = 1", "bad-setting", "[catalogue] must be a table"),
    ("[catalogue]\nname = {}", "unknown-setting", "unknown key 'name' in [catalogue]"),
    ("[catalogue]\nresolvers = 'x'", "bad-setting", "'resolvers' must be a list of strings"),
    ("[catalogue]\nnames = 1", "bad-setting", "'names' must be a table"),
    ("[catalogue]\nenvironments = 1", "bad-setting", "'environments' must be a table"),
    ("[catalogue.environments]\na = 1", "bad-setting", "'environments.a' must be a table"),
    ('[catalogue.names]\n"datum://x" = 1', "bad-setting", "'datum://x' must be a URI, a list of URIs"),
    ('[catalogue.names]\n"datum://x" = []', "bad-setting", "'datum://x' must be a URI, a list of URIs"),
    ('[catalogue.names]\n"datum://x" = ["a", "datum://y"]', "bad-setting", "'datum://y' cannot be one of them"),
    ('[catalogue.names]\n"datum://x" = "dataset://y"', "bad-data-name", "'dataset://y' is not a name of data"),
    ('[catalogue.names]\n"images" = "x"', "bad-data-name", "'images' is not a name of data"),
    ('[catalogue]\nfile = "none.toml"', "bad-setting", "none.toml"),
    ('[catalogue]\nfile = "bad.toml"', "bad-setting", "bad.toml (line 1): "),
    ('[catalogue]\nfile = "odd.toml"', "unknown-setting", "unknown key 'name' in odd.toml"),
    ('[catalogue]\nfile = "good.toml"\n[catalogue.names]\n', "bad-setting", "'names' in [catalogue] does not count"),
]


def loaded(folder: Path, text: str | None, source: str = SOURCE) -> Loaded:
    (folder / "valohai.yaml").write_text(source)
    if text is not None:
        (folder / "translator.toml").write_text(text)
    (folder / "bad.toml").write_text("[")
    (folder / "odd.toml").write_text("name = 1")
    (folder / "good.toml").write_text(GOOD.replace("catalogue.", ""))
    return load(folder / "valohai.yaml")


def unknown(found: Loaded) -> list[str]:
    return [one.message.partition(" is not in")[0] for one in found.diagnostics if one.code == "unknown-data"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, ["dataset://images/latest", "datum://model"]),
        ("[defaults]\n", ["dataset://images/latest", "datum://model"]),
        ('[catalogue.names]\n"datum://model" = "x"\n', ["dataset://images/latest"]),
        ('[catalogue.environments.staging]\n"datum://model" = "x"\n', ["dataset://images/latest"]),
        (GOOD, []),
        ('[catalogue]\nfile = "good.toml"\n', []),
        ('[catalogue]\nresolvers = ["company"]\n', []),
    ],
)
def test_names_that_the_configuration_does_not_have(text: str | None, names: list[str], tmp_path: Path) -> None:
    found = loaded(tmp_path, text)
    assert unknown(found) == names
    assert found.diagnostics.ok
    (pipeline,) = found.pipelines
    assert pipeline.catalogue == ("translator.toml" if text and "catalogue" in text else None)


@pytest.mark.parametrize(("mode", "names"), [("replace", []), ("append", ["datum://model"])])
def test_a_name_that_an_edge_always_replaces_is_not_reported(mode: str, names: list[str], tmp_path: Path) -> None:
    source = (
        "- step: {name: train, image: i, command: 'true'}\n"
        "- step: {name: test, image: i, command: 'true', inputs: [{name: model, default: 'datum://model'}]}\n"
        "- pipeline:\n    name: P\n    nodes:\n      - {name: a, type: execution, step: train}\n"
        f"      - {{name: b, type: execution, step: test, edge-merge-mode: {mode}}}\n"
        "    edges: [[a.output.*, b.input.model]]\n"
    )
    assert unknown(loaded(tmp_path, None, source)) == names


def test_a_misspelt_name_has_a_hint(tmp_path: Path) -> None:
    found = loaded(tmp_path, '[catalogue.names]\n"datum://modell" = "x"\n')
    (finding,) = [one for one in found.diagnostics if "datum://model " in one.message]
    assert "did you mean 'datum://modell'" in (finding.hint or "")


def test_the_file_is_found_from_the_project(tmp_path: Path) -> None:
    inner = tmp_path / "pipelines"
    inner.mkdir()
    (tmp_path / "translator.toml").write_text(GOOD)
    (pipeline,) = loaded(inner, None).pipelines
    assert pipeline.catalogue == "../translator.toml"


@pytest.mark.parametrize(("text", "code", "message"), FAULTS)
def test_what_is_wrong_with_a_catalogue(text: str, code: str, message: str, tmp_path: Path) -> None:
    found = [one for one in loaded(tmp_path, text).diagnostics if one.severity == "error"]
    assert [(one.code, message in one.message) for one in found] == [(code, True)], found
    assert found[0].span is not None


def test_the_schema_takes_what_the_reader_takes() -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA)
    validator.check_schema(validator.schema)
    assert not list(validator.iter_errors(tomllib.loads(GOOD)["catalogue"]))
    for text, _, _ in FAULTS[:8]:
        assert list(validator.iter_errors(tomllib.loads(text)["catalogue"])), text


PAGE = Path(__file__).parents[2] / "docs" / "data.md"
BLOCKS = re.findall(r"^```toml\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("block", [block for block in BLOCKS if "catalogue" in block])
def test_the_documentation_shows_valid_files(tmp_path: Path, block: str) -> None:
    found = loaded(tmp_path, block)
    assert [str(one) for one in found.diagnostics if one.severity == "error"] == []
    jsonschema.validate(tomllib.loads(block)["catalogue"], SCHEMA)
