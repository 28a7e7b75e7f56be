"""Read a Loom file into the model, with an error for everything that Loom cannot read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from translator.dialects.loom import model
from translator.dialects.loom.fields import boolean, count, empty, keys, mapping, slot, slots, text
from translator.dialects.loom.passes import read_multi_pass
from translator.names import did_you_mean

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.source import Located

TYPES = ("video", "image", "csv", "json", "txt", "image_directory", "data_folder")
PREDICATES = ("exists", "is_file", "is_dir", "non_empty", "count", "param")

_TOP = ("data", "parameters", "pipeline", "execution", "output_dir", "variables")
_LOOKS = ("editor", "layout", "description", "name")
"""The keys that only Loom's editor reads."""
_STEP = (
    *("name", "task", "script", "inputs", "outputs", "args", "optional", "disabled", "loop", "kind", "group"),
    *("predicate", "negate", "condition", "data"),
)
_DATA = ("type", "path", "name", "description", "nested_in", "allow_outside_pipeline", "pattern")


def read_file(root: Located, diagnostics: Diagnostics) -> model.File | None:
    """Read a file; None if it is not a Loom file."""
    if root.entries is None:
        diagnostics.error("bad-type", "a Loom file must be a mapping with 'pipeline'", root.span)
        return None
    keys(root, (*_TOP, *_LOOKS), "the file", diagnostics)
    variables = root.get("variables")
    if variables is not None and variables.value:
        message = "Loom no longer supports 'variables'"
        diagnostics.error("old-variables", message, root.key_span("variables"), hint="list the files in 'data'")
    data = {
        name: node
        for name, value in mapping(root, "data", diagnostics).items()
        if (node := _data(name, value, root, diagnostics))
    }
    parameters = {
        name: model.Parameter(name, value.value, value.span)
        for name, value in mapping(root, "parameters", diagnostics).items()
    }
    execution = root.get("execution")
    parallel = workers = None
    if execution is not None and execution.value is not None and execution.entries is None:
        diagnostics.error("bad-type", "'execution' must be a mapping", execution.span)
    elif execution is not None and execution.value is not None:
        keys(execution, ("parallel", "max_workers"), "'execution'", diagnostics)
        parallel = boolean(execution, "parallel", diagnostics)
        workers = count(execution, "max_workers", diagnostics)
    pipeline = root.get("pipeline")
    if pipeline is None or pipeline.items is None:
        diagnostics.error("missing-key", "a Loom file needs 'pipeline', a list of steps", root.value_span("pipeline"))
        return None
    entries: list[model.Step | model.MultiPass] = []
    for item in pipeline.items:
        entries += _entry(item, diagnostics)
    output_dir = text(root, "output_dir", diagnostics) or "output"
    return model.File(data, parameters, tuple(entries), parallel, workers, output_dir)


def _entry(item: Located, diagnostics: Diagnostics) -> list[model.Step | model.MultiPass]:
    entries = item.entries or {}
    if "group" not in entries or "steps" not in entries:
        step = read_step(item, diagnostics)
        return [step] if step else []
    keys(item, ("group", "steps", "multi_pass", "description"), "a group", diagnostics)
    name = text(item, "group", diagnostics)
    steps = [step for one in item.list("steps") if (step := read_step(one, diagnostics))]
    if entries["steps"].items is None:
        diagnostics.error("bad-type", "'steps' must be a list", item.value_span("steps"))
    if name is None:
        if empty(item, "group"):
            diagnostics.error("missing-key", "a group needs 'group', its name", item.span)
        return []
    if "multi_pass" in entries:
        multi_pass = read_multi_pass(name, item, tuple(steps), diagnostics)
        return [multi_pass] if multi_pass else []
    return [replace(step, group=name) for step in steps]


def read_step(item: Located, diagnostics: Diagnostics) -> model.Step | None:  # noqa: PLR0911 - one per fault
    """Read a step; None if it has no name or cannot run."""
    if item.entries is None:
        diagnostics.error("bad-type", "a step must be a mapping with 'name' and 'task'", item.span)
        return None
    keys(item, _STEP, "a step", diagnostics)
    name = text(item, "name", diagnostics)
    if not name:
        if empty(item, "name"):
            diagnostics.error("missing-key", "a step needs 'name'", item.span)
        return None
    kind = text(item, "kind", diagnostics) or model.TASK
    if kind not in (model.TASK, model.CONDITION, model.SWITCH):
        hint = did_you_mean(kind, (model.TASK, model.CONDITION, model.SWITCH), "kinds")
        diagnostics.error("unknown-kind", f"there are no steps of kind {kind!r}", item.value_span("kind"), hint=hint)
        return None
    script_key = "task" if kind == model.TASK and item.get("task") is not None else "script"
    script = text(item, script_key, diagnostics) or ""
    predicate = text(item, "predicate", diagnostics)
    if kind == model.TASK and not script:
        diagnostics.error("missing-key", f"step {name!r} needs 'task', the script that it runs", item.span)
        return None
    if kind == model.CONDITION and not _whole_condition(item, name, script, predicate, diagnostics):
        return None
    if kind == model.SWITCH and item.get("condition") is None:
        diagnostics.error("missing-key", f"switch {name!r} needs 'condition'", item.span)
        return None
    return model.Step(
        name,
        item.span,
        kind,
        script,
        item.value_span(script_key),
        slots(item, "inputs", diagnostics, paths=kind == model.TASK),
        slots(item, "outputs", diagnostics, paths=True),
        slots(item, "args", diagnostics),
        optional=bool(boolean(item, "optional", diagnostics)),
        disabled=bool(boolean(item, "disabled", diagnostics)),
        loop=_loop(item, name, diagnostics) if kind == model.TASK else None,
        group=text(item, "group", diagnostics),
        predicate=predicate,
        negate=bool(boolean(item, "negate", diagnostics)),
        condition=slot(item, "condition"),
        data=slot(item, "data"),
    )


def _whole_condition(item: Located, name: str, script: str, predicate: str | None, diagnostics: Diagnostics) -> bool:
    if bool(script) == bool(predicate):
        diagnostics.error("missing-key", f"condition {name!r} needs either 'predicate' or 'script'", item.span)
        return False
    if predicate and predicate not in PREDICATES:
        hint = did_you_mean(predicate, PREDICATES, "predicates")
        message = f"there is no predicate {predicate!r}"
        diagnostics.error("unknown-predicate", message, item.value_span("predicate"), hint=hint)
        return False
    return True


def _loop(item: Located, name: str, diagnostics: Diagnostics) -> model.Loop | None:
    loop = item.get("loop")
    if loop is None:
        return None
    if loop.entries is None:
        diagnostics.error("bad-type", "'loop' must be a mapping with 'over' and 'into'", loop.span)
        return None
    keys(loop, ("over", "into", "parallel", "filter"), "'loop'", diagnostics)
    slots = [(key, slot(loop, key)) for key in ("over", "into")]
    folders = []
    for key, folder in slots:
        if folder is None or not isinstance(folder.value, str):
            diagnostics.error(
                "missing-key", f"the loop of step {name!r} needs {key!r}, a directory", loop.value_span(key)
            )
            return None
        folders.append(replace(folder, name=f"loop.{key}"))
    over, into = folders
    return model.Loop(
        over,
        into,
        boolean(loop, "parallel", diagnostics),
        text(loop, "filter", diagnostics),
    )


def _data(name: str, value: Located, root: Located, diagnostics: Diagnostics) -> model.DataNode | None:
    section = root.get("data")
    place = section.key_span(name) if section else value.span
    if value.entries is None:
        if value.items is not None or value.value is None:
            diagnostics.error("bad-type", f"data node {name!r} must be a path or a mapping with 'path'", value.span)
            return None
        return model.DataNode(name, str(value.text if value.text is not None else value.value), place)
    keys(value, _DATA, "a data node", diagnostics)
    path = text(value, "path", diagnostics)
    if path is None:
        if empty(value, "path"):
            diagnostics.error("missing-key", f"data node {name!r} needs 'path'", place)
        return None
    kind = text(value, "type", diagnostics)
    if kind and kind not in TYPES:
        hint = did_you_mean(kind, TYPES, "types")
        message = f"{kind!r} is not a type of data in Loom; the node is treated as a file or a directory"
        diagnostics.warning("unknown-type", message, value.value_span("type"), hint=hint)
    nested = text(value, "nested_in", diagnostics)
    return model.DataNode(
        name,
        path,
        place,
        kind,
        text(value, "description", diagnostics) or _title(value),
        nested.lstrip("$") if nested else None,
        outside=bool(boolean(value, "allow_outside_pipeline", diagnostics)),
    )


def _title(value: Located) -> str | None:
    """Return the name that Loom's editor shows for a data node."""
    name = value.get("name")
    return name.value if name is not None and isinstance(name.value, str) else None
