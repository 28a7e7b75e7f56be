"""Read tasks and stubs: what one step runs."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from translator import ir
from translator.dialects.controlflow.keys import exported, read_keys, value_text
from translator.dialects.controlflow.language import (
    EXECUTABLE,
    LEGACY_KEYS,
    REFUSED_KEYS,
    RESERVED,
    TRAVERSAL,
    Key,
)
from translator.names import did_you_mean
from translator.shim.json_values import frozen
from translator.source import Located

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.dialects.controlflow.context import Context
    from translator.span import Span

_KINDS = {"python": ir.StepKind.PYTHON, "shell": ir.StepKind.SHELL, "notebook": ir.StepKind.NOTEBOOK}
_OPTIONS = ("notebook_output_path", "output_cell_tag", "optional_ploomber_args")
_ENDING = ".ipynb"


def read_stub(name: str, body: Located, place: Span, context: Context) -> ir.Step | None:
    """Read a stub, which may have any keys; its catalog takes effect.

    Args:
        name: the step's name.
        body: its mapping.
        place: the location of its name.
        context: its context.
    """
    what = f"step {name!r}"
    legacy = body.value["type"] != "stub"
    keys = {**TRAVERSAL, **({} if legacy else EXECUTABLE)}
    others = tuple(key for key in body.entries or {} if key not in keys and key not in RESERVED)
    silent = (*others, *exported(name, body, is_composite=False))
    values = read_keys(body, keys, what, context.diagnostics, silent=silent, hints=_reserved())
    _ignored(body, context)
    if legacy:
        message = f"{what} is translated as a stub, the name of 'as-is' since Magnus 0.5; its catalog is ignored"
        context.diagnostics.note("legacy-type", message, body.value_span("type"), hint="write 'type: stub'")
    catalog = ir.Catalog() if legacy else _catalog(body, what, context)
    if values is None or catalog is None:
        return None
    return ir.Step(name, place, (), kind=ir.StepKind.STUB, catalog=catalog)


def read_task(name: str, body: Located, place: Span, context: Context) -> ir.Step | None:
    """Read a task; the arguments are those of ``read_stub``."""
    what = f"step {name!r}"
    kind = _command_type(name, body, context)
    _ignored(body, context)
    catalog = _catalog(body, what, context)
    common = {**TRAVERSAL, **EXECUTABLE}
    own: Mapping[str, Key] = context.language.commands.get(kind or "", {})
    legacy = tuple(LEGACY_KEYS) if context.language.ends is None else ()
    silent = ("type", "command_type", *legacy, *exported(name, body, is_composite=False))
    if kind is None:
        every = {key for keys in context.language.commands.values() for key in keys}
        read_keys(body, common, what, context.diagnostics, silent=(*silent, *every))
        return None
    plain = _binary(body, own) if context.language.binary else body
    values = read_keys(plain, {**common, **own}, what, context.diagnostics, silent=silent, hints=_hints(context))
    if values is None or catalog is None or not _suits(kind, values, body, what, context):
        return None
    return ir.Step(
        name,
        place,
        (values["command"],),
        kind=_KINDS[kind],
        catalog=catalog,
        returns=tuple(ir.Return(*item) for item in values.get("returns", ())),
        secrets=values.get("secrets", ()),
        options=MappingProxyType({key: frozen(values[key]) for key in _OPTIONS if values.get(key)}),
        command_span=body.value_span("command"),
    )


def _command_type(name: str, body: Located, context: Context) -> str | None:
    command_type = body.get("command_type")
    if command_type is None:
        return "python"
    if not isinstance(command_type.value, str):
        message = f"'command_type' of step {name!r} must be a string, not {value_text(command_type)}"
        context.diagnostics.error("bad-value", message, command_type.span)
        return None
    if command_type.value in context.language.commands:
        return command_type.value
    why = context.language.no_commands.get(command_type.value)
    if why is not None:
        message = f"step {name!r} is a task of type {command_type.value!r}, which is not supported"
        context.diagnostics.error(f"unsupported-{command_type.value}", message, command_type.span, hint=why)
        return None
    hint = did_you_mean(command_type.value, context.language.commands, "valid types")
    message = f"{context.language.title} has no tasks of type {command_type.value!r}"
    context.diagnostics.error("unknown-type", message, command_type.span, hint=hint)
    return None


def _suits(kind: str, values: Mapping[str, Any], body: Located, label: str, context: Context) -> bool:
    command = values["command"]
    if kind == "notebook" and not command.endswith(_ENDING):
        message = f"{label} runs the notebook {command!r}, which does not end in {_ENDING}"
        context.diagnostics.error("bad-value", message, body.value_span("command"))
        return False
    objects = [name for name, returned in values.get("returns", ()) if returned == "object"]
    if kind == "shell" and objects:
        message = f"{label} is a shell task and cannot return the object {objects[0]!r}"
        hint = "a shell task can return JSON only"
        context.diagnostics.error("bad-value", message, body.value_span("returns"), hint=hint)
        return False
    return True


def _catalog(body: Located, label: str, context: Context) -> ir.Catalog | None:
    catalog = body.get("catalog")
    if catalog is None or catalog.entries is None:
        return ir.Catalog()  # reported elsewhere if it is not a mapping
    values = read_keys(
        catalog, context.language.catalog, f"the catalog of {label}", context.diagnostics, hints=REFUSED_KEYS
    )
    if values is None:
        return None
    for key in ("get", "put"):
        for index, pattern in enumerate(values.get(key, ())):
            if pattern.startswith("/") or not pattern:
                why = "is absolute" if pattern else "is empty"
                message = f"the pattern {pattern!r} in the catalog of {label} {why}"
                place = catalog.at((key, index)).span
                hint = "patterns are relative to the project directory"
                context.diagnostics.error("bad-pattern", message, place, hint=hint)
                return None
    return ir.Catalog(values.get("get", ()), values.get("put", ()), values.get("store_copy", True))


def overridden(body: Located, context: Context) -> None:
    """Report that the configuration of an executor has no effect here."""
    if body.value.get("overrides"):
        message = "'overrides' is ignored, because it only configures the engine's executors"
        context.diagnostics.note("ignored-overrides", message, body.key_span("overrides"))


def _ignored(body: Located, context: Context) -> None:
    diagnostics = context.diagnostics
    overridden(body, context)
    attempts = body.value.get("max_attempts")
    if attempts is not None and attempts not in (1, "1"):
        message = f"'max_attempts' is ignored, because {context.language.title} never retries steps"
        diagnostics.note("ignored-max-attempts", message, body.key_span("max_attempts"))
    if context.language.ends is None:
        for key, why in LEGACY_KEYS.items():
            if key in body.value:
                message = f"{key!r} is a key of Magnus 0.4 and is ignored: {why}"
                diagnostics.note(
                    "legacy-key", message, body.key_span(key), hint="remove it, because Magnus 0.5 rejects it"
                )


def _hints(context: Context) -> dict[str, str]:
    return {**(REFUSED_KEYS if context.language.ends is None else {}), **_reserved()}


def _reserved() -> dict[str, str]:
    return dict.fromkeys(RESERVED, "the engine uses a field of that name internally; rename the key")


def _binary(body: Located, own: Mapping[str, Key]) -> Located:
    """Return a task as runnable reads it: 1 and true are the text "1", 0 and false "0", at any depth."""
    entries = {
        key: Located(
            _binary_value(entry.value),
            entry.file,
            entry.start,
            entry.end,
            entry.entries,
            entry.keys,
            entry.items,
            entry.text,
        )
        if key in own
        else entry
        for key, entry in (body.entries or {}).items()
    }
    plain = {key: entry.value for key, entry in entries.items()}
    return Located(plain, body.file, body.start, body.end, entries=entries, keys=body.keys)


def _binary_value(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _binary_value(part) for key, part in value.items()}
    if isinstance(value, list):
        return [_binary_value(item) for item in value]
    return ("1" if value else "0") if isinstance(value, (bool, int, float)) and value in (0, 1) else value
