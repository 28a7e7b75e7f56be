"""Test manifests and their summaries: complete in the store, bounded for the engine."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256

import pytest

from translator.shim.contract import ExecutionId, FileRecord, Manifest, State
from translator.shim.json_values.storable import brief, sane
from translator.shim.store import StoreError, open_store
from translator.shim.store.manifest import SUMMARY_LIMIT, from_json, summary, to_json

WHOLE = Manifest(
    id=ExecutionId("p", "r", "n", 2, 3, "task"),
    state=State.ERROR,
    parameters={"lr": 0.1, "names": ["a", "b"], "none": None, "flag": True},
    metadata={"acc": 0.5, "deep": {"list": [1, None]}},
    inputs={"in": [FileRecord("a", 1, "00", "memory://s/p/x"), FileRecord("b", 1, "11", "data/b.csv", "1:2:3")]},
    outputs=[FileRecord("é b", 2, "22", "memory://s/p/r/n/2/try-3/outputs/é b")],
    started="2026-11-21T08:00:00.000Z",
    ended="2026-11-21T08:00:01.000Z",
    exit_status=3,
    reason="why",
    begun=True,
    image="python:3.11",
)


def test_a_manifest_comes_back_from_its_store() -> None:
    store = open_store("memory://s")
    written = store.commit(WHOLE)
    assert written == replace(WHOLE, uri="memory://s/p/r/n/2/try-3/manifest.json")
    assert store.manifest(written.uri) == written
    assert store.manifest(summary(written)["manifest"]) == written


def test_files_of_the_store_are_written_relative_to_it() -> None:
    document = json.loads(json.dumps(to_json(WHOLE, "memory://s")))
    assert document["outputs"][0]["uri"] == "store:p/r/n/2/try-3/outputs/é b"
    assert document["inputs"]["in"][1]["uri"] == "data/b.csv"
    moved = from_json(document, "s3://elsewhere/x")
    assert moved.outputs[0].uri == "s3://elsewhere/x/p/r/n/2/try-3/outputs/é b"
    assert moved.inputs["in"][0].uri == "s3://elsewhere/x/p/x"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{}", "is not a manifest of version 1"),
        (b'{"version": 3}', "is not a manifest of version 1 or 2"),
        (b'{"version": 1}', "is an incomplete manifest"),
        (b'{"version": 1, "outputs": ', "is not JSON"),
        (b'{"version": 1, "inputs": []}', "is an incomplete manifest"),
    ],
)
def test_what_is_not_a_manifest(content: bytes, message: str) -> None:
    store = open_store("memory://bad")
    store.write("m.json", content)
    with pytest.raises(StoreError, match=message):
        store.manifest("memory://bad/m.json")


@pytest.mark.parametrize("uri", ["memory://other/p/manifest.json", "", "memory://s/../x", "memory://s/none.json"])
def test_a_manifest_of_another_store_or_none(uri: str) -> None:
    with pytest.raises(StoreError):
        open_store("memory://s").manifest(uri)


def test_a_summary_is_small_and_plain() -> None:
    found = summary(replace(WHOLE, uri="memory://s/m"))
    assert found == {
        "manifest": "memory://s/m",
        "node": "n",
        "index": 2,
        "state": "error",
        "parameters": dict(WHOLE.parameters),
        "metadata": dict(WHOLE.metadata),
    }
    huge = {f"k{n}": "x" * 5000 for n in range(100)} | {"nan": float("nan"), "nul\x00": "a\x00"}
    bounded = summary(replace(WHOLE, metadata={"nan": float("nan"), **huge}, parameters={"p": "y" * 100_000}))
    assert bounded["truncated"] is True
    assert len(json.dumps(bounded, allow_nan=False)) < 2 * SUMMARY_LIMIT + 1000
    assert bounded["metadata"]["nan"] is None
    assert bounded["parameters"]["p"] == "y" * 1000 + "…"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (float("nan"), None), (float("inf"), None), (1.5, 1.5), (True, True), (None, None), (10**30, 10**30),
        ("a\x00b\ud800", "ab?"), ([float("nan"), {"k\x00": (1, 2)}], [None, {"k": [1, 2]}]), ({1: 2}, {"1": 2}),
        (b"bytes", "b'bytes'"),
    ],
)  # fmt: skip
def test_sane(value: object, expected: object) -> None:
    assert sane(value) == expected
    json.dumps(sane(value), allow_nan=False).encode()


def test_a_long_value_is_shown_by_its_beginning_and_its_digest() -> None:
    long = [f"item {number}" for number in range(1000)]
    shown = brief(long)
    assert shown == {
        "$shortened": json.dumps(long)[:100] + "…",
        "sha256": sha256(json.dumps(long).encode()).hexdigest(),
    }
    assert brief([*long, 1]) != shown
    assert brief(["a", 1.5, None]) == ["a", 1.5, None]
    assert brief(float("nan")) is None
    assert json.dumps(brief(["\ud800"] * 1000))
