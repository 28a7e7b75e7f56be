"""Check the scripts of steps: that they exist, and that calls match their frontmatter.

A script may say in its docstring, as YAML between lines of ``---``, which inputs, outputs and arguments it takes. Loom
shows that in its editor and does not hold a pipeline against it.
"""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Any

from translator.diagnostics import Diagnostics
from translator.files import is_missing_file
from translator.names import did_you_mean
from translator.source import parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from translator.dialects.loom.steps import Lowered

MAX_BYTES = 1024 * 1024
_FRONTMATTER = re.compile(r"^---\s*\n(.*?)\n---\s*$", re.MULTILINE | re.DOTALL)


def check(steps: Sequence[Lowered], project: Path, diagnostics: Diagnostics) -> None:
    """Check the scripts of all steps, and that input files exist if no step writes them.

    Args:
        steps: the steps.
        project: the directory of the file.
        diagnostics: receives what is found.
    """
    interfaces: dict[str, Mapping[str, Any] | None] = {}
    for lowered in steps:
        script = lowered.source.script
        if not script or "${" in script:
            continue
        if script not in interfaces:
            interfaces[script] = None
            if not is_missing_file(project / script):
                interfaces[script] = interface(project / script)
            else:
                message = f"step {lowered.source.name!r} runs {script!r}, which is not in {str(project) or '.'}"
                diagnostics.error("missing-script", message, lowered.source.script_span or lowered.source.span)
        declared = interfaces[script]
        if declared is not None and lowered.source.kind == "task":
            _call(lowered, declared, diagnostics)


def interface(file: Path) -> Mapping[str, Any] | None:
    """Return the interface that a script declares; None if there is none, or it cannot be read."""
    try:
        if file.stat().st_size > MAX_BYTES:
            return None
        docstring = ast.get_docstring(ast.parse(file.read_text(encoding="utf-8")))
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    match = _FRONTMATTER.search(docstring or "")
    read = parse(match.group(1), file.name, Diagnostics()) if match else None
    return read.value if read is not None and isinstance(read.value, dict) else None


def _call(lowered: Lowered, says: Mapping[str, Any], diagnostics: Diagnostics) -> None:  # noqa: C901
    source = lowered.source
    sections = {key: says[key] for key in ("inputs", "outputs", "args") if isinstance(says.get(key), dict)}
    if "inputs" in sections:
        _inputs(lowered, [str(name) for name in sections["inputs"]], diagnostics)
    for key, slots in (("outputs", source.outputs), ("args", source.args)):
        known = [str(flag) for section in ("outputs", "args") for flag in sections.get(section, ())]
        if key not in sections:
            continue
        for slot in slots:
            if slot.name not in known:
                message = f"{source.script} does not declare {slot.name!r}, which step {source.name!r} passes"
                hint = did_you_mean(slot.name, known, "it takes")
                diagnostics.warning("unlike-script", message, slot.span, hint=hint)
    values = {parameter.name: parameter.default for parameter in lowered.step.parameters}
    for flag, description in sections.get("args", {}).items():
        if not isinstance(description, dict):
            continue
        passed = next((slot for slot in source.args if slot.name == flag), None)
        if passed is None:
            if description.get("required") is True:
                message = f"{source.script} requires {flag!r}, which step {source.name!r} does not pass"
                diagnostics.warning("unlike-script", message, source.span)
            continue
        problem = _unfit(values.get(passed.name), description)
        if problem:
            message = (
                f"{passed.name!r} of step {source.name!r} is {values[passed.name]!r}; {source.script} expects {problem}"
            )
            diagnostics.warning("unlike-script", message, passed.span)


def _inputs(lowered: Lowered, script_inputs: Sequence[str], diagnostics: Diagnostics) -> None:
    source = lowered.source
    names = [slot.name for slot in source.inputs]
    for slot in source.inputs:
        if slot.name not in script_inputs:
            message = f"{source.script} has no input {slot.name!r}"
            diagnostics.warning(
                "unlike-script", message, slot.span, hint=did_you_mean(slot.name, script_inputs, "its inputs")
            )
    wanted = [name for name in script_inputs if name in names]
    if set(names) <= set(script_inputs) and names != wanted:
        message = f"step {source.name!r} passes {', '.join(names)}; {source.script} takes them as {', '.join(wanted)}"
        hint = "inputs are passed by position, not by name"
        diagnostics.warning("unlike-script", message, source.inputs[0].span, hint=hint)
    elif len(names) < len(script_inputs) and set(names) <= set(script_inputs):
        missing = ", ".join(name for name in script_inputs if name not in names)
        message = f"step {source.name!r} does not pass {missing}, which {source.script} expects"
        diagnostics.warning("unlike-script", message, source.span)


def _unfit(value: object, description: Mapping[str, Any]) -> str | None:
    choices = description.get("choices")
    if isinstance(choices, list) and choices and value is not None and str(value) not in [str(one) for one in choices]:
        return "one of " + ", ".join(str(one) for one in choices)
    kind = str(description.get("type", "str"))
    if value is None or (isinstance(value, str) and "${" in value):
        return None
    if kind in ("int", "integer") and _number(value, int) is None:
        return "an integer"
    if kind == "float" and _number(value, float) is None:
        return "a number"
    if kind in ("bool", "boolean") and not isinstance(value, bool):
        return "true or false, because it is a flag"
    return None


def _number(value: object, kind: type[int | float]) -> float | None:
    try:
        return None if isinstance(value, bool) else kind(str(value))
    except ValueError:
        return None
