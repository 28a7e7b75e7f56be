"""Read Magnus's ``dag`` steps: graphs in separate files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from translator.diagnostics import SourceText
from translator.source import Rules, parse, read_text

if TYPE_CHECKING:
    from pathlib import Path

    from translator.dialects.controlflow.context import Context
    from translator.source import Located

_ENDING = ".yaml"
_MOST = 200
"""The maximum number of included files, counting repetitions."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A graph of another file: its mapping, its description for messages, and its context."""

    place: Located
    label: str
    context: Context


def open_graph(  # noqa: PLR0911 - one return per possible problem
    name: str, body: Located, context: Context
) -> Opened | None:
    """Open the file of a ``dag`` step.

    Args:
        name: the step's name.
        body: its mapping.
        context: its context; the source's ``others`` receive the file's text.

    Returns:
        The graph; None, with an error, if there is none.
    """
    definition = body.get("dag_definition")
    if definition is None or not isinstance(definition.value, str):
        return None  # reported already
    diagnostics, place, included = context.diagnostics, definition.span, definition.value
    if not included.endswith(_ENDING):
        message = f"'dag_definition' of step {name!r} must be the path of a {_ENDING} file, not {included!r}"
        diagnostics.error("bad-value", message, place)
        return None
    if context.source.project is None:
        diagnostics.error(
            "missing-file",
            f"step {name!r} includes {included!r}, but there is no project directory to find it in",
            place,
        )
        return None
    path = context.source.project / included
    if not _readable(path, included, name, body, context):
        return None
    context.count.files += 1
    text = read_text(path, diagnostics)
    if text is None:
        return None
    file = included if included != context.source.name else f"./{included}"
    context.source.others[file] = SourceText(str(path), text)
    root = parse(text, file, diagnostics, Rules.YAML_1_2)
    dag = root.get("dag") if root is not None else None
    if dag is None:
        if root is not None or diagnostics.ok:
            diagnostics.error("missing-key", f"{included!r}, which step {name!r} includes, has no 'dag'", place)
        return None
    return Opened(dag, f"the dag of {included}", replace(context, opened=(*context.opened, path)))


def _readable(path: Path, included: str, name: str, body: Located, context: Context) -> bool:
    place = body.value_span("dag_definition")
    try:
        exists = path.is_file()
        enclosing = [other for other in context.opened if other.exists() and exists and other.samefile(path)]
    except (OSError, ValueError):
        exists, enclosing = False, []
    if not exists:
        message = f"step {name!r} includes {included!r}, which is not in {context.source.project}"
        hint = "the path is relative to the project directory (--project)"
        context.diagnostics.error("missing-file", message, place, hint=hint)
    elif enclosing:
        context.diagnostics.error("cycle", f"step {name!r} includes {included!r}, which includes this step", place)
    elif context.count.files >= _MOST:
        context.diagnostics.error("too-many-files", f"the pipeline includes more than {_MOST} files", place)
    else:
        return True
    return False
