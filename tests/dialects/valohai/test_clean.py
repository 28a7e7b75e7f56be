"""Compare the recognition of clean files with the vendor, which accepts all of them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from valohai_yaml.schema_data import SCHEMATA

from tests.fuzz.mutate import mutant
from translator.diagnostics import Diagnostics, SourceText
from translator.dialects import Source
from translator.dialects.valohai import clean, reader
from translator.source import Rules, parse

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[3]
CASES = sorted((ROOT / "tests" / "goldens" / "cases").glob("*.yaml"))
BASE = """
- step:
    name: train
    image: python:3.12
    command: ["python train.py {parameters}"]
    parameters: [{name: rate, type: float}]
    inputs: [{name: data}]
    outputs: [{name: model}]
    environment-variables: [{name: MODE}]
    resources: {cpu: {min: 1}, memory: {max: 2}}
    mounts: [{source: /data, destination: /data}]
- task:
    name: search
    step: train
    type: grid_search
    parameters: [{name: rate, style: multiple, rules: {items: [1, 2]}}]
- pipeline:
    name: P
    nodes:
      - {name: one, type: execution, step: train, override: {image: other}}
      - {name: two, type: task, task: search}
      - {name: three, type: task, step: train}
      - {name: four, type: deployment, deployment: d, actions: [{when: node-complete, then: noop}]}
    edges:
      - [one.output.*, two.input.data]
      - {source: one.output.*, target: three.input.data}
    parameters: [{name: rate, targets: [one.parameter.rate]}]
- endpoint:
    name: greet
    image: python:3.12
    port: 8000
    server-command: run-server
    files: [{name: model, path: model.bin}]
"""
SAMPLES: tuple[Any, ...] = (
    *("", "x" * 70, "/x", "/x\n", 0, 1, -1, 1024, 2**70, 0.5, float("nan"), True, False, None),
    *([], ["a"], [1], [None], {}, {"a": 1}, {1: 2}, [{"name": "x"}], dt.date(2026, 1, 1), [{"name": "x"}] * 2),
    *({"max": 1}, {"cpu": {"max": True}}),
)
"""Values of all types, for every key."""
OWN = {"type": ("random-search", "bayesian_tpe"), "on-child-error": ("continue-and-error", "other")}
"""Values of keys whose choices are not in the vendor's schemas."""
PARAMETERS: tuple[dict[str, Any], ...] = tuple(
    {"type": kind, key: value, "default": default}
    for kind in ("flag", "float", "integer", "string")
    for key, values in {
        "min": (1, 0.5),
        "max": (1, 0.5),
        "choices": ([], [1], [True], ["a"], [None]),
        "multiple": ("none", "repeat"),
        "optional": (True, False),
        "pass-as": ("", "-p"),
        "pass-true-as": ("", "-p"),
    }.items()
    for value in values
    for default in ("a", "", "1", "1.5", 0, 1, 2, 0.5, True, None, ["a"], [1], [[1]], [], 2**70)
)


def mappings(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the paths of all mappings."""
    if isinstance(value, dict):
        yield path
        for key, item in value.items():
            yield from mappings(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from mappings(item, (*path, index))


def keys() -> dict[str, tuple[Any, ...]]:
    """Return all keys that the vendor's schemas know, and others, with the choices that they name."""
    known: dict[str, tuple[Any, ...]] = {key: OWN.get(key, ()) for key in ("unknown", "blueprint", "deployment")}
    for schema in SCHEMATA.values():
        for key, value in schema.get("properties", {}).items():
            known[key] = (
                *known.get(key, OWN.get(key, ())),
                *value.get("enum", ()),
                *filter(None, [value.get("const")]),
            )
    return known


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


def compare(document: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Check that reading a document gives the same with and without the vendor."""
    text = document if isinstance(document, str) else yaml.dump(document, Dumper=yaml.CSafeDumper, sort_keys=False)
    root = parse(text, "valohai.yaml", Diagnostics(), Rules.YAML_1_1)
    source = Source("valohai.yaml", SourceText("valohai.yaml", text), root)
    ours, theirs = Diagnostics(), Diagnostics()
    pipelines = reader.read_pipelines(source, ours)
    with monkeypatch.context() as patch:
        patch.setattr(reader, "is_clean", lambda _: False)
        assert pipelines == reader.read_pipelines(source, theirs), text
    assert ours.found == theirs.found, text


def changed(document: Any) -> Iterator[Any]:
    """Change the document in place: set each key of each mapping to each sample, or remove it."""
    for path in [*mappings(document)]:
        place = at(document, path)
        for key, choices in keys().items():
            before = dict(place)
            for sample in (*SAMPLES, *choices):
                place[key] = sample
                yield document
            place.pop(key)
            yield document
            place.clear()
            place.update(before)


def test_the_vendor_finds_nothing_in_a_clean_file(monkeypatch: pytest.MonkeyPatch) -> None:
    recognised = 0
    step, task, pipeline, endpoint = yaml.safe_load(BASE)
    for document, part in (([step], 0), ([step, task], 1), ([step, task, pipeline], 2), ([endpoint], 0)):
        for _ in changed(document[part]):
            if clean.is_clean(document):
                recognised += 1
                compare(document, monkeypatch)
    assert recognised > 500


def test_the_vendor_finds_nothing_in_clean_parameters(monkeypatch: pytest.MonkeyPatch) -> None:
    recognised = 0
    base = yaml.safe_load(BASE)[:1]
    for options in PARAMETERS:
        base[0]["step"]["parameters"] = [{"name": "rate", **options}]
        if clean.is_clean(base):
            recognised += 1
            compare(base, monkeypatch)
    assert recognised > 50


def test_mutants_have_the_same_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    recognised = 0
    for number in range(500):
        made = mutant(7, number, shared=False)
        if made.dialect != "valohai":
            continue
        try:
            document = yaml.load(made.text, Loader=yaml.CSafeLoader)
        except (yaml.YAMLError, ValueError, RecursionError):
            continue
        if clean.is_clean(document):
            recognised += 1
            compare(made.text, monkeypatch)
    assert recognised > 10


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem)
def test_cases_are_read_in_the_same_way(case: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare(case.read_text(encoding="utf-8"), monkeypatch)


@pytest.mark.parametrize("name", ["training", "wide"])
def test_usual_files_are_recognised(name: str) -> None:
    assert clean.is_clean(yaml.safe_load((ROOT / "tests" / "goldens" / "cases" / f"{name}.yaml").read_text("utf-8")))
    assert clean.is_clean(yaml.safe_load(BASE))
