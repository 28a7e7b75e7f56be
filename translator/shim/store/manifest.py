"""Convert manifests to and from JSON, and summarise them for engines.

A manifest with a scope is of version 2, so that a shim that knows no scopes refuses it; all others are of version 1.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeVar, cast

from translator.shim.contract import ExecutionId, Manifest, NamedData, ReuseKey, State, Value
from translator.shim.json_values.depth import TOO_DEEP, too_deep
from translator.shim.json_values.storable import sane
from translator.shim.store import records, scopes
from translator.shim.store.keys import segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.shim.contract import FileRecord, NodeKind

VERSION = 1
SCOPED_VERSION = 2
SUMMARY_LIMIT = 16_384
_TEXT_LIMIT = 1_000
_MOST = 10**9
_SHOWN = 40

T = TypeVar("T")


def to_json(manifest: Manifest, root: str) -> dict[str, object]:
    """Return the JSON document of ``manifest``; ``root`` is the URI of its store."""
    document: dict[str, object] = {
        "version": VERSION if manifest.scope is None else SCOPED_VERSION,
        **identity_to_json(manifest.id),
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
    if manifest.data:
        document["data"] = [
            {
                "written": one.written,
                "name": one.name,
                "source": one.source,
                "files": [records.to_json(file, root) for file in one.files],
            }
            for one in manifest.data
        ]
    if manifest.reused:
        document["reused"] = records.relative_uri(manifest.reused, root)
    if manifest.step:
        document["step"] = manifest.step
    if manifest.key is not None:
        document["key"] = {
            "sha256": manifest.key.digest,
            "unknown": manifest.key.unknown,
            "enabled": manifest.key.enabled,
            "parts": dict(manifest.key.parts),
        }
    if manifest.scope is not None:
        document["scope"] = scopes.to_json(manifest.scope, root)
    return document


def from_json(document: Any, root: str, uri: str = "") -> Manifest:
    """Return the manifest that ``to_json`` wrote.

    Args:
        document: the JSON document.
        root: URI of the store that it was read from.
        uri: where it was read.

    Raises:
        ValueError: the document is not a manifest of a known version.
    """
    what = uri or "the document"
    if not isinstance(document, dict) or document.get("version") not in (VERSION, SCOPED_VERSION):
        raise ValueError(f"{what} is not a manifest of version {VERSION} or {SCOPED_VERSION}")
    try:
        if too_deep({**document, "scope": None}):
            raise ValueError(TOO_DEEP)  # noqa: TRY301 - one of many
        return Manifest(
            id=identity_of(document),
            state=State(document["state"]),
            parameters=checked(dict, document["parameters"]),
            metadata=checked(dict, document["metadata"]),
            inputs={name: _files(files, root) for name, files in checked(dict, document["inputs"]).items()},
            outputs=_files(document["outputs"], root),
            started=checked(str, document["started"]),
            ended=checked(str, document["ended"]),
            exit_status=None if document["exit_status"] is None else checked(int, document["exit_status"]),
            reason=None if document["reason"] is None else checked(str, document["reason"]),
            uri=uri,
            begun=checked(bool, document["begun"]),
            image=None if document["image"] is None else checked(str, document["image"]),
            scope=scopes.from_json(document["scope"], root) if "scope" in document else None,
            folders=[checked(str, folder) for folder in checked(list, document.get("folders", []))] or (),
            reused=records.absolute_uri(checked(str, document.get("reused", "")), root),
            step=checked(str, document.get("step", "")),
            key=_key(checked(dict, document["key"])) if "key" in document else None,
            data=[_named_data(checked(dict, one), root) for one in checked(list, document.get("data", []))] or (),
        )
    except KeyError as error:
        raise ValueError(f"{what} is an incomplete manifest: it has no {error}") from error
    except (TypeError, AttributeError, ValueError, RecursionError) as error:
        raise ValueError(f"{what} is an incomplete manifest: {error}") from error


def identity_of(document: Mapping[str, Any]) -> ExecutionId:
    """Return the execution that a document names.

    Raises:
        KeyError, TypeError, ValueError: it does not name one.
    """
    pipeline, run, node, kind = (checked(str, document[key]) for key in ("pipeline", "run", "node", "kind"))
    index, attempt = _count(document["index"]), _count(document["attempt"])
    return ExecutionId(pipeline, run, node, index, attempt, cast("NodeKind", kind))


def identity_to_json(identity: ExecutionId) -> dict[str, object]:
    """Return what ``identity_of`` reads."""
    return {
        "pipeline": identity.pipeline,
        "run": identity.run,
        "node": identity.node,
        "index": identity.index,
        "attempt": identity.attempt,
        "kind": identity.kind,
    }


def _files(documents: object, root: str) -> list[FileRecord]:
    return [records.from_json(checked(dict, file), root) for file in checked(list, documents)]


def _named_data(document: Mapping[str, Any], root: str) -> NamedData:
    written, name, source = (checked(str, document[key]) for key in ("written", "name", "source"))
    return NamedData(written, name, source, _files(document["files"], root))


def _key(document: Mapping[str, Any]) -> ReuseKey:
    digest, unknown = (checked(str, document[key]) for key in ("sha256", "unknown"))
    return ReuseKey(checked(dict, document["parts"]), digest, unknown, checked(bool, document["enabled"]))


def checked(kind: type[T], value: object) -> T:
    """Return a value of a document if it has the right type.

    Raises:
        TypeError: it does not.
    """
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TypeError(f"{str(value)[:_SHOWN]!r} is not of type {kind.__name__}")
    return value


def _count(value: object) -> int:
    number = checked(int, value)
    if not 0 <= number < _MOST:
        raise ValueError(f"the number {str(number)[:_SHOWN]} is out of bounds")
    return number


def summary(manifest: Manifest) -> dict[str, Any]:
    """Return the part that an engine passes on and shows: the manifest's URI, bounded parameters and metadata.

    It is JSON without NaN and infinity. Long texts are cut, and values beyond ``SUMMARY_LIMIT`` characters are left
    out (key ``"truncated"``). The manifest always has all values.
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
    if manifest.reused:
        document["reused"] = reused_name(manifest)
    return document


def reused_name(manifest: Manifest) -> str:
    """Return the execution whose results a manifest has: ``run/node/index/try-n``, in another pipeline after its name.

    A manifest with results of its own has none.
    """
    parts = manifest.reused.split("/")[-6:-1]
    if not parts:
        return ""
    return "/".join(parts[1:] if parts[0] == segment(manifest.id.pipeline) else parts)


def _bounded(values: Mapping[str, object]) -> tuple[dict[str, object], bool]:
    bounded: dict[str, object] = {}
    remaining = SUMMARY_LIMIT
    cut = False
    for key, value in values.items():
        item = sane(value)
        if isinstance(item, str) and len(item) > _TEXT_LIMIT:
            item = item[:_TEXT_LIMIT] + "…"
            cut = True
        remaining -= len(key) + len(json.dumps(item))
        if remaining < 0:
            cut = True
            remaining = 0
            continue
        bounded[key] = item
    return bounded, cut


def parameters_of(document: object) -> dict[str, Value]:
    """Return the parameters in one of our JSON documents.

    Raises:
        ValueError: the document has no parameters.
    """
    values = document.get("parameters") if isinstance(document, dict) else None
    if not isinstance(values, dict) or too_deep(values):
        raise ValueError("it has no parameters")
    return cast("dict[str, Value]", dict(values))


def started_of(document: object) -> str | None:
    """Return when the attempt started to which one of our JSON documents belongs, if it says so."""
    started = document.get("started") if isinstance(document, dict) else None
    return started if isinstance(started, str) else None
