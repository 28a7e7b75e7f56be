"""Check that no name becomes code: not of a file or directory, nor in a file, in any dialect, on any target."""

from __future__ import annotations

import ast
import io
import json
import tokenize
from typing import TYPE_CHECKING, Any

import pytest

from translator.load import Loaded, load
from translator.targets import GenerateOptions, airflow, prefect

if TYPE_CHECKING:
    from pathlib import Path

TARGETS = {"airflow": airflow, "prefect": prefect}
HOSTILE = {
    "line feed": 'a\nimport os; os.system("id") #',
    "carriage return": 'a\rimport os; os.system("id") #',
    "line separator": "a\u2028import os #",
    "next line": "a\x85import os\x0cimport os\x1c#",
    "byte order mark": "\ufeffa b",
    "bidi": "a\u202e# \u2066 tropmi\u2069",
    "quotes": 'a"""\nimport os\n"""',
    "single quotes": "a''' + __import__('os') + '''",
    "backslash": "a\\",
    "escapes": "a\\n\\x22\\N{DIGIT ONE}",
    "encoding": "coding: utf7",
    "encoding of vim": "coding=utf7",
    "template": "{{ 7 * 7 }}{% raw %}{# a #}",
    "f-string": "{__import__('os')}",
    "mark": "a\ue0000\ue001\ue0001\ue001",
    "pragma": "noqa # type: ignore # fmt: off",
}
HARMLESS, FILE = "Harm less!", "Some file!"
"""Names that are not their own identifiers, as those above are not."""


def valohai(name: str) -> Any:
    parameter = {"name": name, "type": "string", "default": name, "description": name}
    return [
        {
            "step": {
                "name": name,
                "image": name,
                "command": "true",
                "description": name,
                "parameters": [parameter, {"name": "other", "type": "integer", "default": 1, "description": name}],
                "inputs": [{"name": "input", "description": name, "optional": True}],
            }
        },
        {
            "pipeline": {
                "name": name,
                "parameters": [
                    {"name": name, "default": "x", "description": name, "targets": [f"b.parameters.{name}"]}
                ],
                "nodes": [
                    {"name": name, "type": "execution", "step": name},
                    {"name": "b", "type": "task", "step": name, "on-error": "stop-next"},
                ],
                "edges": [[f"{name}.output.{name}", "b.input.input"]],
            }
        },
    ]


def loom(name: str) -> dict[str, Any]:
    data = f"d {name}"  # "${" begins no reference
    return {
        "data": {"in": {"type": "txt", "path": "data/in.txt"}, data: {"type": "txt", "path": "out.txt"}},
        "pipeline": [
            {"name": name, "task": "tasks/a.py", "inputs": {"x": "$in"}, "outputs": {"-o": f"${data}"}, "group": name},
            {"name": "b", "task": "tasks/b.py", "inputs": {"x": f"${data}"}, "outputs": {}, "args": {"--y": name}},
        ],
    }


def controlflow(name: str) -> dict[str, Any]:
    end = {"success": {"type": "success"}, "fail": {"type": "fail"}}
    inner = {"type": "task", "command": "work.one", "next": "success"}
    branch = {"start_at": name, "steps": {name: inner, **end}}
    return {
        "dag": {
            "description": name,
            "start_at": name,
            "steps": {
                name: {"type": "task", "command": "work.one", "next": "each", "on_failure": "both"},
                "each": {"type": "map", "iterate_on": "xs", "iterate_as": "x", "branch": branch, "next": "both"},
                "both": {"type": "parallel", "branches": {name: branch, "other": branch}, "next": "success"},
                **end,
            },
        }
    }


def runnable(name: str) -> dict[str, Any]:
    document = controlflow(name)
    loop = {"start_at": name, "steps": {name: {"type": "task", "command": "work.one", "next": "success"}}}
    document["dag"]["steps"]["both"]["next"] = f"{name} loop"
    document["dag"]["steps"][f"{name} loop"] = {
        "type": "loop",
        "max_iterations": 2,
        "break_on": "good",
        "index_as": "round",
        "branch": loop,
        "next": "success",
    }
    return document


DIALECTS = {"valohai": valohai, "loom": loom, "magnus": controlflow, "runnable": runnable}


def loaded(dialect: str, name: str, folder: Path, file: str = "file.yaml") -> Loaded:
    """Return a document with ``name`` wherever it may stand."""
    folder.mkdir(parents=True, exist_ok=True)
    for script in ("a.py", "b.py"):
        (folder / "tasks").mkdir(exist_ok=True)
        (folder / "tasks" / script).touch()
    path = folder / file
    path.write_text(json.dumps(DIALECTS[dialect](name)), encoding="utf-8")
    return load(path, dialect=dialect)


def shape(source: str) -> str:
    """Return the syntax tree without texts, with names numbered in order, and the number of comments."""
    names: dict[str, str] = {}
    tree = ast.parse(source.encode())
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
        for field in ("id", "name", "arg", "attr"):
            named = getattr(node, field, None)
            if isinstance(named, str):
                setattr(node, field, names.setdefault(named, f"name{len(names)}"))
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert not imported, "generated files import names from modules"
    tokens = tokenize.tokenize(io.BytesIO(source.encode()).readline)
    comments = sum(token.type == tokenize.COMMENT for token in tokens)
    return f"{comments} comments\n{ast.dump(tree, indent=1)}"


def looks_as_it_reads(source: str) -> bool:
    encoding, _ = tokenize.detect_encoding(io.BytesIO(source.encode()).readline)
    return source.replace("\n", "").isprintable() and encoding == "utf-8"


def tidy(source: str) -> str:
    """Remove what depends only on the width of a line."""
    return source.replace("  # noqa: E501", "")


def written(found: Loaded, target: str, project: str = ".") -> str:
    (pipeline,) = found.pipelines
    return TARGETS[target].generate(pipeline, GenerateOptions(project=project))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_of_a_file_and_its_directory(hostile: str, dialect: str, target: str, tmp_path: Path) -> None:
    name = hostile.replace("/", "")
    bad = loaded(dialect, HARMLESS, tmp_path / "bad" / name, f"{name}.yaml")
    good = loaded(dialect, HARMLESS, tmp_path / "good" / FILE, f"{FILE}.yaml")
    assert good.diagnostics.ok, str(good.diagnostics.found)
    source = written(bad, target, f"../{name}")
    assert looks_as_it_reads(source)
    assert shape(tidy(source)) == shape(tidy(written(good, target, f"../{FILE}")))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("hostile", HOSTILE.values(), ids=HOSTILE)
def test_in_a_file(hostile: str, dialect: str, target: str, tmp_path: Path) -> None:
    bad = loaded(dialect, hostile, tmp_path / "bad")
    good = loaded(dialect, HARMLESS, tmp_path / "good")
    assert good.diagnostics.ok, str(good.diagnostics.found)
    if not bad.pipelines:
        assert all(found.span for found in bad.diagnostics.found if found.severity == "error")
        return
    source = written(bad, target)
    assert looks_as_it_reads(source)
    assert shape(tidy(source)) == shape(tidy(written(good, target)))


WORDS = (
    *("again", "branch", "chain", "chosen", "complete", "dag", "dag_param", "enter", "execution", "fail", "failed"),
    *("finish", "flow", "grid", "index", "inputs", "items", "iteration", "job", "join", "list", "loom", "metadata"),
    *("number", "output", "parameter", "points", "project", "range", "run", "runner", "skip", "start", "state", "str"),
    *("token", "unmapped"),
)


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_name_hides_one_that_the_file_uses(dialect: str, target: str, tmp_path: Path) -> None:
    for word in WORDS:
        made = loaded(dialect, word, tmp_path / word).choose()
        tree = ast.parse(TARGETS[target].generate(made, GenerateOptions()))
        nodes = list(ast.walk(tree))
        imported = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
        fields = {id(node.target) for node in nodes if isinstance(node, ast.AnnAssign)}  # of forms
        names = (node for node in nodes if isinstance(node, ast.Name) and id(node) not in fields)
        stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        defined = {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
        arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
        bound = stored | defined | arguments
        assert not bound & imported, word
        called = {node.func.id for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
        assert not bound & called - defined, word
