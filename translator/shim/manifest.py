"""Manifests to and from JSON, and the bounded summary of one that an engine passes between tasks.

A manifest with a scope is of version 2, so that a shim that knows no scopes refuses it; all others are of version 1.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING, Any, cast

from translator.shim import records, scopes
from translator.shim.contract import ExecutionId, Manifest, State, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.store import Store

VERSION = 1
SCOPED_VERSION = 2
SUMMARY_LIMIT = 16_384
_BRIEF, _BEGINNING = 1_000, 100
_TEXT_LIMIT = 1_000


def to_json(manifest: Manifest, root: str) -> dict[str, object]:
    """The JSON document of ``manifest``; ``root`` is the URI of its store."""
    identity = manifest.id
    document: dict[str, object] = {
        "version": VERSION if manifest.scope is None else SCOPED_VERSION,
        "pipeline": identity.pipeline,
        "run": identity.run,
        "node": identity.node,
        "index": identity.index,
        "attempt": identity.attempt,
        "kind": identity.kind,
        "state": manifest.state.value,
        "begun": manifest.begun,
        "reason": manifest.reason,
        "exit_status": manifest.exit_status,
        "started": manifest.started,
        "ended": manifest.ended,
        "image": manifest.image,
        "parameters": dict(manifest.parameters),
        "metadata": dict(manifest.metadata),
        "inputs": {name: [records.to_json(file, root) for file in files] for name, files in manifest.inputs.items()},
        "outputs": [records.to_json(file, root) for file in manifest.outputs],
    }
    if manifest.folders:
        document["folders"] = list(manifest.folders)
    if manifest.scope is not None:
        document["scope"] = scopes.to_json(manifest.scope, root)
    return document


def from_json(document: Any, root: str, uri: str = "") -> Manifest:
    """The manifest that ``to_json`` wrote.

    Args:
        document: the JSON document.
        root: URI of the store that it was read from.
        uri: where it was read.

    Raises:
        ValueError: the document is no manifest of a version that this shim knows.
    """
    if not isinstance(document, dict) or document.get("version") not in (VERSION, SCOPED_VERSION):
        raise ValueError(f"{uri or 'the document'} is no manifest of version {VERSION} or {SCOPED_VERSION}")
    try:
        return Manifest(
            id=ExecutionId(
                pipeline=document["pipeline"],
                run=document["run"],
                node=document["node"],
                index=document["index"],
                attempt=document["attempt"],
                kind=document["kind"],
            ),
            state=State(document["state"]),
            parameters=document["parameters"],
            metadata=document["metadata"],
            inputs={
                name: [records.from_json(file, root) for file in files] for name, files in document["inputs"].items()
            },
            outputs=[records.from_json(file, root) for file in document["outputs"]],
            started=document["started"],
            ended=document["ended"],
            exit_status=document["exit_status"],
            reason=document["reason"],
            uri=uri,
            begun=document["begun"],
            image=document["image"],
            scope=scopes.from_json(document["scope"], root) if "scope" in document else None,
            folders=document.get("folders", ()),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{uri or 'the document'} is not a whole manifest: {error!r}") from error


def summary(manifest: Manifest) -> dict[str, Any]:
    """What an engine passes on and shows: where the manifest is, and bounded parameters and metadata.

    Everything in it is JSON without NaN and infinity; long texts are cut, and what does not fit into
    ``SUMMARY_LIMIT`` characters is left out (key ``"truncated"``). The whole is always in the manifest.
    """
    parameters, cut_parameters = _bounded(manifest.parameters)
    metadata, cut_metadata = _bounded(manifest.metadata)
    document: dict[str, Any] = {
        "manifest": manifest.uri,
        "node": manifest.id.node,
        "index": manifest.id.index,
        "state": manifest.state.value,
        "parameters": parameters,
        "metadata": metadata,
    }
    if cut_parameters or cut_metadata:
        document["truncated"] = True
    return document


def load(source: Mapping[str, Any] | str, store: Store) -> Manifest:
    """Read the manifest that a summary or a URI names.

    Args:
        source: what ``summary`` returned, or the URI of a manifest.
        store: the store that it is in.

    Raises:
        translator.shim.store.StoreError: it cannot be read, or is no manifest.
    """
    uri = source if isinstance(source, str) else str(source["manifest"])
    return store.manifest(uri)


def sane(value: object) -> object:
    """``value`` without what JSON or a database cannot hold: NaN and infinity become None, NUL falls away."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, str):
        return text(value)
    if isinstance(value, dict):
        return {text(str(key)): sane(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [sane(item) for item in value]
    if isinstance(value, (int, bool)) or value is None:
        return value
    return text(str(value))


def text(value: str) -> str:
    """``value`` without NUL and without lone surrogates, which PostgreSQL and UTF-8 refuse."""
    return value.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def brief(value: object) -> object:
    """``value`` as the record of one of many executions shows it: a long one as its beginning and its digest.

    A list that a map works on would else be in the record of each of its items.
    """
    if not isinstance(value, (str, list, tuple, dict)):
        return sane(value)
    written = json.dumps(value, default=str)
    if len(written) <= _BRIEF:
        return sane(value)
    digest = hashlib.sha256(written.encode()).hexdigest()
    return {"$shortened": text(written[:_BEGINNING]) + "…", "sha256": digest}


def _bounded(values: Mapping[str, object]) -> tuple[dict[str, object], bool]:
    kept: dict[str, object] = {}
    left = SUMMARY_LIMIT
    cut = False
    for key, value in values.items():
        item = sane(value)
        if isinstance(item, str) and len(item) > _TEXT_LIMIT:
            item = item[:_TEXT_LIMIT] + "…"
            cut = True
        left -= len(key) + len(json.dumps(item))
        if left < 0:
            cut = True
            left = 0
            continue
        kept[key] = item
    return kept, cut


def parameters_of(document: Mapping[str, Any]) -> dict[str, Value]:
    """The parameters in a JSON document of ours."""
    return cast("dict[str, Value]", dict(document.get("parameters") or {}))
