"""Write the Python callables that settings name: imported in the generated file, and called there with arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from translator.config.kinds import Hook
from translator.names import free
from translator.nodes import walk
from translator.targets.render import Call, Name

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator

    from translator import ir
    from translator.config.keys import Key, TargetKeys
    from translator.targets.render import Expression


def hook_names(
    pipeline: ir.Pipeline, target: str, keys: TargetKeys, taken: Container[str], objects: Iterable[ir.Json] = ()
) -> dict[str, str]:
    """Return by dotted name of each callable that a pipeline's settings name, its name in the generated file.

    Args:
        pipeline: the pipeline.
        target: the target's name.
        keys: its keys.
        taken: the other names of the file.
        objects: other values that it imports, as ``translator.config.kinds.PythonObject`` read them.
    """
    hooks: dict[str, None] = dict.fromkeys(_dotted_names(keys.workflow, pipeline.workflow.get(target, {})))
    hooks.update(dict.fromkeys(_dotted_names(keys.node, pipeline.settings.get(target, {}))))
    for _, node in walk(pipeline.graph):
        settings = getattr(node, "settings", {})
        hooks.update(dict.fromkeys(_dotted_names(keys.node, settings.get(target, {}))))
    hooks.update(dict.fromkeys(map(_dotted_name, objects)))
    names: dict[str, str] = {}
    for dotted in hooks:
        module, _, last = dotted.rpartition(".")
        used = {*names.values()}
        wanted = last if last not in taken and last not in used else f"{module.rpartition('.')[2]}_{last}"
        while wanted in taken or wanted in used:
            wanted = free(f"{wanted}_", used)
        names[dotted] = wanted
    return names


def _dotted_names(keys: Iterable[Key], settings: Mapping[str, ir.Json]) -> Iterator[str]:
    """Yield the dotted names in settings."""
    for key in keys:
        if isinstance(key.kind, Hook) and key.name in settings:
            yield from map(_dotted_name, cast("tuple[Any, ...]", settings[key.name]))


def _dotted_name(value: ir.Json) -> str:
    """Return the name that a callable or an object is imported by."""
    return str(value["call"] if isinstance(value, Mapping) else value)


def hook_expression(value: ir.Json, names: Mapping[str, str]) -> Expression:
    """Return the callables of a setting as an expression: one, or a list.

    Args:
        value: what ``translator.config.kinds.Hook`` read.
        names: by dotted name, the name in the generated file.
    """
    several = [object_expression(one, names) for one in cast("tuple[Any, ...]", value)]
    return several[0] if len(several) == 1 else several


def object_expression(value: ir.Json, names: Mapping[str, str]) -> Expression:
    """Return a callable or an object of a setting as an expression.

    Args:
        value: what ``translator.config.kinds.PythonObject`` read.
        names: by dotted name, the name in the generated file.
    """
    name = Name(names[_dotted_name(value)])
    if not isinstance(value, Mapping):
        return name
    arguments: dict[str, Any] = {key: item for key, item in value.items() if key != "call"}
    return Call(name, (), tuple(arguments.items()))


def import_clauses(names: Mapping[str, str]) -> dict[str, str]:
    """Return what the file imports for its hooks: by clause after ``import``, the module."""
    clauses = {}
    for dotted, name in names.items():
        module, _, last = dotted.rpartition(".")
        clauses[last if last == name else f"{last} as {name}"] = module
    return clauses
