"""Test that no file causes a traceback, only diagnostics."""

import copy

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from referencing import Registry

from tests.dialects.valohai.marks import STEPS, assert_verdict, found
from translator import diagnostics
from translator.diagnostics import MAX_ERRORS
from translator.load import load_text

GOOD = f"""{STEPS}
- task:
    name: blue
    step: use
    parameters: [{{name: rate, style: linear, rules: {{start: 0, end: 1, step: 0.5}}}}]
- pipeline:
    name: P
    parameters:
      - {{name: p, default: [1, 2], targets: [grid.parameter.size]}}
    nodes:
      - {{name: make, type: execution, step: make, on-error: retry}}
      - {{name: grid, type: task, task: blue, override: {{inputs: [{{name: data}}]}}}}
      - {{name: use, type: execution, step: use, edge-merge-mode: append}}
    edges:
      - [make.output.*, grid.input.data]
      - {{source: grid.output.*, target: use.input.data}}
      - [make.metadata.k, use.parameter.size]
      - [make.environment-variable.MODE, use.environment-variable.MODE]
"""
TREE = yaml.safe_load(GOOD)
ODD_VALUES: list[object] = [
    *(None, True, 0, -1, 3.5, float("nan"), 10**30, "", "x", "make", "a.b.c", "n.output.*", "90", "\0", "\ud7ff"),
    *("datum://x", "grid_search", [], {}, [[]], [None], ["x"], {"a": 1}, {"name": "x"}, {"name": None}, {1: 2}),
]
ODD = st.sampled_from(ODD_VALUES)
MUTATIONS = ("replace", "delete", "rename")


def paths(value, path=()):
    yield path
    if isinstance(value, dict):
        for key in value:
            yield from paths(value[key], (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*path, index))


PATHS = [path for path in paths(TREE) if path]


def shown(text: str) -> str:
    """Load a text and show all that is found in each way; an exception is a failure of the test."""
    loaded = load_text(text)
    diagnostics.as_json(loaded.diagnostics, loaded.sources)
    diagnostics.sarif(loaded.diagnostics, loaded.sources, version="0", codes_uri="")
    return diagnostics.text(loaded.diagnostics, loaded.sources)


def test_the_file_to_mutate_is_good():
    assert found(load_text(GOOD)) == []
    assert len(PATHS) > 100


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(PATHS), ODD, st.sampled_from(MUTATIONS)), max_size=3))
def test_mutated_files(mutations):
    tree = copy.deepcopy(TREE)
    for path, odd, how in mutations:
        mutate(tree, path, odd, how)
    text = yaml.dump(tree, sort_keys=False)
    shown(text)
    assert_verdict(text)


def mutate(tree, path, odd, how):
    parent = tree
    for part in path[:-1]:
        try:
            parent = parent[part]
        except (KeyError, IndexError, TypeError):
            return
    last = path[-1]
    if isinstance(parent, dict) and last in parent:
        if how == "rename":
            parent[odd if isinstance(odd, (str, int, bool, type(None))) else "x"] = parent.pop(last)
            return
        parent[last] = copy.deepcopy(odd)
        if how == "delete":
            del parent[last]
    elif isinstance(parent, list) and isinstance(last, int) and last < len(parent):
        parent[last] = copy.deepcopy(odd)
        if how == "delete":
            del parent[last]


OTHERS = [
    ("services: {web: {image: x}}", "a Docker Compose file"),
    ("apiVersion: argoproj.io/v1alpha1\nkind: Workflow", "a Kubernetes or Argo manifest"),
    ("stages: {}", "a DVC pipeline"),
    ("name: ci\non: push\njobs: {}", "a GitHub Actions workflow"),
    ("step: {name: a}", "a valohai.yaml must be a list"),
    ("a: 1", "does not match any supported language"),
    ("- hosts: all\n  tasks: []", "no item of this list"),
    ("- stpe: {name: a}", "no item of this list"),
    ("- a\n- b", "no item of this list"),
    ("just text", "a single value"),
    ("[]", "no item of this list"),
]


@pytest.mark.parametrize(("text", "message"), OTHERS)
def test_files_of_other_tools_are_named(text, message):
    (only,) = load_text(text).diagnostics
    assert only.code == "unknown-dialect"
    assert message in only.message


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "~"])
def test_an_empty_file(text):
    assert [d.code for d in load_text(text).diagnostics] == ["empty-file"]


COMMANDS = [
    "echo '{{ 7 * 7 }}' {% raw %} {# no #}",
    'python -c "print({\\"a\\": 1})"',
    "echo $(rm -rf /) `id` ${HOME} \\n \\\\ \"\"\" ''' {}",
    "import os; os.system('x')",
    "a\nb\n\n  c\n",
    "\u202e \u200b é 日本 😀",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_stay_as_they_are(command):
    text = yaml.safe_dump(
        [
            {"step": {"name": "s", "image": "i", "command": [command]}},
            {"pipeline": {"name": "P", "nodes": [{"name": "n", "type": "execution", "step": "s"}], "edges": []}},
        ],
        allow_unicode=True,
    )
    (node,) = load_text(text).choose().nodes
    assert node.step.command == (command,)


def test_thousands_of_nodes_take_time_in_proportion():
    """No wall clock: the number of values that are read per node stays the same."""
    nodes = "".join(f"      - {{name: n{i}, type: execution, step: make}}\n" for i in range(2000))
    edges = "".join(f"      - [n{i}.dependency.*, n{i + 1}.dependency.*]\n" for i in range(1999))
    loaded = load_text(f"{STEPS}- pipeline:\n    name: P\n    nodes:\n{nodes}    edges:\n{edges}")
    pipeline = loaded.choose()
    assert len(pipeline.nodes) == 2000
    assert len({id(node.step) for node in pipeline.nodes}) == 1


def test_checking_stops_after_a_thousand_errors():
    for text in ("- step: {nme: a}\n" * 5000, "- !x y\n" * 5000):
        found = load_text(text).diagnostics.found
        assert len(found) == MAX_ERRORS + 1
        assert found[-1].code == "too-many-errors"
        assert load_text(text).pipelines == ()


def test_the_schema_is_crawled_once_for_any_file(monkeypatch):
    """It was again for each reference of each step, which made a large file take minutes."""
    load_text(STEPS)
    crawled = []
    monkeypatch.setattr(Registry, "crawl", lambda registry: crawled.append(registry) or registry)
    load_text("".join(STEPS.replace("name: make", f"name: make{number}") for number in range(20)))
    assert crawled == []


def test_a_misspelt_name_is_compared_with_few_names():
    text = "dag:\n  start_at: s0\n  steps:\n    success: {type: success}\n    fail: {type: fail}\n"
    text += "".join(f"    s{number}: {{type: task, command: a.b, next: s{number}x}}\n" for number in range(900))
    found = [found for found in load_text(text, dialect="magnus").diagnostics if found.code == "unknown-node"]
    assert len(found) == 900
    assert found[-1].hint == "did you mean 's899'?"
