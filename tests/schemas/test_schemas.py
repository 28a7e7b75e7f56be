"""Test that the JSON Schemas accept what the readers accept, and refuse wrong files."""

import json
from collections import Counter
from functools import cache
from pathlib import Path

import jsonschema
import pytest
import yaml

from tests.oracle.corpus import CORPUS
from translator import registry
from translator.cli import main
from translator.load import load

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (ROOT / "examples", ROOT / "tests" / "goldens" / "cases", CORPUS)
FILES = sorted(path for folder in FOLDERS for end in ("yaml", "yml") for path in folder.rglob(f"*.{end}"))


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = registry.dialect(name).json_schema
    assert schema is not None
    return jsonschema.Draft202012Validator(schema())


@cache
def language(file: Path) -> str | None:
    """Return the language of a file of which something can be translated."""
    loaded = load(file)
    return loaded.dialect if loaded.pipelines or loaded.diagnostics.ok else None


@pytest.mark.parametrize("name", registry.names(registry.DIALECTS))
def test_files_that_are_translated_are_valid(name):
    checked = 0
    for file in FILES:
        if language(file) == name:
            # JSON has no dates and no keys that are not strings.
            value = json.loads(json.dumps(yaml.safe_load(file.read_text(encoding="utf-8")), default=str))
            found = [f"{list(error.path)}: {error.message[:200]}" for error in validator(name).iter_errors(value)]
            assert not found, file
            checked += 1
    assert checked > 2


WRONG = [
    ("valohai", "- step: {name: a}"),
    ("valohai", "- step: {name: a, image: x, command: date, comand: y}"),
    ("loom", "data: {}"),
    ("loom", "pipeline: [{task: a.py}]"),
    ("loom", "pipeline: [{name: a}]"),
    ("loom", "pipeline: [{name: a, kind: taks, task: a.py}]"),
    ("loom", "pipeline: [{name: a, task: a.py, outputs: {-o: 3}}]"),
    ("loom", "pipeline: [{name: a, task: a.py}]\nexecution: {max_workers: 0}"),
    *(
        (name, text)
        for name in ("magnus", "runnable")
        for text in (
            "dag: 5",
            "dag: {start_at: a}",
            "dag: {start_at: a, steps: {a: {type: tsk, next: success}}}",
            "dag: {start_at: a, steps: {a: {type: task, next: success}}}",
            "dag: {start_at: a, steps: {a: {type: task, command: m.f}}}",
            "dag: {start_at: a, steps: {a: {type: task, command: m.f, next: success, comand_type: shell}}}",
            "dag: {start_at: a, steps: {a: {type: map, next: success, branch: {}}}}",
        )
    ),
    ("magnus", "dag: {start_at: a, steps: {a: {type: loop, next: success}}}"),
    ("runnable", "dag: {start_at: a, steps: {a: {type: dag, dag_definition: x.yaml, next: success}}}"),
]


@pytest.mark.parametrize(("name", "text"), WRONG)
def test_wrong_files_are_not_valid(name, text):
    assert not validator(name).is_valid(yaml.safe_load(text))


def test_the_command_lists_and_prints_schemas(capsys):
    assert main(["schema"]) == 0
    names = capsys.readouterr().out.split()
    assert names == ["loom", "magnus", "runnable", "valohai", "translator.toml"]
    for name in names:
        assert main(["schema", name]) == 0
        jsonschema.Draft202012Validator.check_schema(json.loads(capsys.readouterr().out))
    assert main(["schema", "valohia"]) == 2
    assert "did you mean 'valohai'?" in capsys.readouterr().err


def test_files_of_the_corpus_are_among_them():
    if not CORPUS.is_dir():
        pytest.skip(f"there is no {CORPUS}")
    counts = Counter(language(file) for file in FILES if file.is_relative_to(CORPUS))
    assert min(counts[name] for name in ("magnus", "runnable", "valohai")) > 5
