"""List how each key of the vendor's schema is supported, so that nothing is dropped silently.

A key is *translated*, *ignored* (it has no effect on the result; a note says so) or *refused* (not translated yet; an
error says so). A test compares this table with the schema of the installed ``valohai-yaml``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.diagnostics import Diagnostics
    from translator.source import Located
    from translator.span import Span


class Fate(StrEnum):
    """The handling of a key."""

    TRANSLATED = "translated"
    IGNORED = "ignored"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Entry:
    """The handling of a key: its fate, the suffix of its diagnostic code, and the reason."""

    fate: Fate
    topic: str = ""
    why: str = ""
    silent: tuple[object, ...] = ()
    """Values besides empty ones that need no report, because they are the default behaviour."""


TRANSLATED = Entry(Fate.TRANSLATED)
SETTLED = Entry(Fate.TRANSLATED, why="with its table in translator.toml")


def _ignored(topic: str, why: str, silent: tuple[object, ...] = ()) -> Entry:
    return Entry(Fate.IGNORED, topic, why, silent)


def _refused(topic: str, why: str, silent: tuple[object, ...] = ()) -> Entry:
    return Entry(Fate.REFUSED, topic, why, silent)


def _translated(*keys: str) -> dict[str, Entry]:
    return dict.fromkeys(keys, TRANSLATED)


_LOOKS = "only affects Valohai's UI"
_SPOT = "only affects spot instances in Valohai's environments"
_BAYESIAN = Entry(Fate.TRANSLATED, why="with `bayesian_tpe`; other types do not need it")

_AUTORESTART = _ignored("autorestart", _SPOT)
_MOUNTS = Entry(Fate.TRANSLATED, why="directories of the machine, with the runner docker; other mounts are errors")
_RESOURCES = Entry(Fate.TRANSLATED, why="as upper limits, if the runner supports them")
_CONTAINERS = Entry(
    Fate.TRANSLATED, why="with the deployers `docker` and `kubernetes`; `local` ignores it, and says so"
)
_BOUNDS = {
    "max": Entry(Fate.TRANSLATED, why="as upper limit, if the runner or deployer supports it"),
    "min": Entry(
        Fate.TRANSLATED,
        why="as request of servers on `kubernetes`; of steps noted, as a queue or pool chooses the machine",
    ),
}
_PODS = Entry(Fate.TRANSLATED, why="with the deployer `kubernetes`; the others ignore it, and say so")

_EXECUTION_NODE = {
    **_translated("actions", "edge-merge-mode", "name", "on-error", "override", "step", "type"),
    "commit": Entry(Fate.TRANSLATED, why="from the project's Git repository"),
}

LEDGER: Mapping[str, Mapping[str, Entry]] = {
    "base": {
        **_translated("endpoint", "pipeline", "step", "task"),
    },
    "deployment": {
        "defaults": _ignored("deployment-target", "the deployer is a setting of translator.toml"),
        **_translated("name"),
    },
    "deployment-node": {
        **_translated("actions", "aliases", "deployment", "endpoints", "name", "on-error", "type"),
    },
    "endpoint": {
        **_translated("files", "name", "port", "server-command", "wsgi"),
        "description": _ignored("description", _LOOKS),
        **dict.fromkeys(("image", "resources"), _CONTAINERS),
        **dict.fromkeys(("node-selector", "shared-volumes", "tolerations", "workspace-volume"), _PODS),
    },
    "endpoint-shared-volume": dict.fromkeys(("mount-path", "pvc-name", "read-only", "sub-path"), _PODS),
    "endpoint-workspace-volume": dict.fromkeys(("mount-path", "size", "storage-class-name"), _PODS),
    "environment-variable-item": {
        **_translated("default", "name", "optional"),
        "description": _ignored("description", _LOOKS),
    },
    "execution-node": _EXECUTION_NODE,
    "file-item": {**_translated("name", "path"), "description": _ignored("description", _LOOKS)},
    "input-item": {
        **_translated("default", "description", "download", "filename", "keep-directories", "name", "optional")
    },
    "mount-item": dict.fromkeys(("destination", "options", "readonly", "source", "type"), _MOUNTS),
    "node-action": {
        **_translated("if", "then", "when"),
    },
    "node-edge-merge-mode": {},
    "output-item": {**_translated("name"), "description": _ignored("description", _LOOKS)},
    "overridden-properties": {
        **_translated("command", "environment-variables", "image", "inputs", "parameters"),
        "autorestart": _AUTORESTART,
        "environment": SETTLED,
        "mounts": _MOUNTS,
        "runtime-config-preset": SETTLED,
    },
    "param-item": {
        **_translated(
            *("choices", "default", "description", "max", "min", "multiple", "multiple-separator", "name"),
            *("optional", "pass-as", "pass-false-as", "pass-true-as", "type"),
        ),
        "category": _ignored("category", _LOOKS),
        "widget": _ignored("widget", _LOOKS),
    },
    "pipeline": {
        **_translated("edges", "name", "nodes", "parameters", "reuse-executions"),
    },
    "pipeline-param": {
        **_translated("default", "description", "name", "target", "targets"),
        "category": _ignored("category", _LOOKS),
    },
    "step": {
        **_translated(
            *("command", "description", "environment-variables", "image", "inputs", "name", "no-output-timeout"),
            *("outputs", "parameters", "source-path", "time-limit"),
        ),
        "autorestart": _AUTORESTART,
        "cache-volumes": _ignored(
            "cache-volumes", "they cache inputs, which the artifact store keeps, except those from URLs"
        ),
        "category": _ignored("category", _LOOKS),
        "environment": SETTLED,
        "environment-variable-groups": SETTLED,
        "icon": _ignored("icon", _LOOKS),
        "mounts": _MOUNTS,
        "resources": _RESOURCES,
        "runtime-config-preset": SETTLED,
        "stop-condition": Entry(Fate.TRANSLATED, why="over metadata, not over `execution`"),
        "upload-store": _ignored("upload-store", "all outputs go to the artifact store"),
    },
    "task": {
        **_translated(
            *("maximum-queued-executions", "name", "on-child-error", "parameter-sets", "parameters", "reuse-children"),
            *("step", "type"),
        ),
        "description": _ignored("description", _LOOKS),
        "engine": Entry(Fate.TRANSLATED, why="with `bayesian_tpe`; Optuna also stands in for other engines"),
        "execution-batch-size": _BAYESIAN,
        "execution-count": Entry(
            Fate.TRANSLATED, why="with `random_search`, `bayesian_tpe` and `distributed`; others ignore it"
        ),
        "optimization-target-metric": _BAYESIAN,
        "optimization-target-value": _BAYESIAN,
        "stop-condition": Entry(Fate.TRANSLATED, why="over metadata of complete executions, not over `execution`"),
    },
    "task-node": {**_EXECUTION_NODE, **_translated("task")},
    "toleration": dict.fromkeys(("effect", "key", "operator", "value"), _PODS),
    "variant-param": _translated("name", "rules", "style"),
    "variant-param-rule-item": {
        **_translated("base", "count", "end", "integerify", "items", "max", "min", "start", "step", "value"),
        "distribution": Entry(Fate.TRANSLATED, why="`uniform` and `loguniform`"),
        "numberify": _ignored("numberify", "values always take the type of their parameter"),
        "seed": Entry(Fate.TRANSLATED, why="of the style `random`"),
    },
    "workflow-resource-cpu": _BOUNDS,
    "workflow-resource-devices": {},
    "workflow-resource-ephemeral-storage": dict.fromkeys(("max", "min"), _PODS),
    "workflow-resource-memory": _BOUNDS,
}


def account(value: Located | None, schema: str, diagnostics: Diagnostics) -> bool:
    """Report the keys of a mapping that are ignored or refused.

    Args:
        value: the mapping, if there is one.
        schema: the short name of its schema.
        diagnostics: receives a note per ignored key and an error per refused one.

    Returns:
        Whether nothing was refused.
    """
    fine = True
    for key, located in (value.entries or {}).items() if value else ():
        entry = LEDGER[schema].get(key, TRANSLATED)
        if entry.fate is Fate.TRANSLATED or not _says_something(located.value) or located.value in entry.silent:
            continue
        place = value.key_span(key) if value else None
        if entry.fate is Fate.REFUSED:
            fine = False
            refuse(entry.topic, entry.why, place, diagnostics)
        else:
            diagnostics.note(f"ignored-{entry.topic}", f"{key!r} is ignored: {entry.why}", place)
    return fine


def refuse(topic: str, what: str, place: Span | None, diagnostics: Diagnostics) -> None:
    """Report a part of the language that is not supported."""
    diagnostics.error(f"unsupported-{topic}", f"not supported yet: {what}", place)


def _says_something(value: object) -> bool:
    return value is not None and value is not False and value not in ("", [], {})
