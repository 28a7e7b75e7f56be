"""Write the source text of a flow from its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.targets.render import EARLIER, comment, docstring, keywords, line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from translator.targets.prefect.model import Flow, FlowFile, Frame, Group, NodeFunction

_MARGIN = " " * 4
_BLANK = ("", "")
"""The empty lines before a function or a class."""


def flow_source(file: FlowFile) -> Iterator[str]:
    """Yield the text of the flow of a dataflow graph."""
    earlier = (comment(EARLIER), *file.earlier) if file.earlier else ()
    yield from framed(file, _functions(file), (*earlier, *file.submitted, "return finish()"))


def framed(file: Frame, functions: Iterable[str], body: Iterable[str], token: str = "") -> Iterator[str]:
    """Yield the text of a generated file.

    Args:
        file: its model.
        functions: the text between its constants and the flow.
        body: the statements of the flow.
        token: what the flow calls the context of its run, as the end of a ``with`` statement.
    """
    flow = file.flow
    yield from (file.marker, *file.imports, "")
    yield from (*file.project, "")
    for constant in file.constants:
        yield line(f"{constant.name} = ", constant.value)
    yield from functions
    yield from _BLANK
    yield from _decorator(flow)
    yield from _signature(flow)
    yield f"{_MARGIN}{docstring(flow.doc)}"
    if flow.limited:
        yield f"{_MARGIN}# Run as many steps at once as the source system does; other threads wait."
    yield line(f"{_MARGIN}with ", flow.run, f"{token}:")
    for statement in body:
        yield f"{_MARGIN * 2}{statement}"
    if not flow.required:
        yield from (*_BLANK, 'if __name__ == "__main__":', f"{_MARGIN}{flow.name}()")


def _decorator(flow: Flow) -> Iterator[str]:
    yield f"@flow(  {comment(flow.place)}"
    yield line(f"{_MARGIN}name=", flow.title, ",")
    yield f"{_MARGIN}# Set here so that the deployment's defaults do not apply."
    yield f"{_MARGIN}retries=0,"
    yield f"{_MARGIN}persist_result=False,"
    yield from keywords(flow.options, _MARGIN)
    yield line(f"{_MARGIN}on_crashed=", flow.on_crashed, ",  # writes run.json if this process is killed")
    yield f"{_MARGIN}task_runner=thread_pool(max_workers={flow.threads}),  {comment(flow.threads_reason)}"
    yield ")"


def _signature(flow: Flow) -> Iterator[str]:
    if not flow.arguments:
        yield f"def {flow.name}() -> State:"
        return
    yield f"def {flow.name}("
    for argument in flow.arguments:
        declared = f"{_MARGIN}{argument.name}: {argument.annotation}"
        yield f"{declared}," if argument.required else line(f"{declared} = ", argument.default, ",")
    yield ") -> State:"


def _functions(file: FlowFile) -> Iterator[str]:
    for alias in file.aliases:
        yield from ("", alias)
    for group in file.groups:
        yield from _form_group(group)
    for node in file.nodes:
        yield from _node(node)


def _form_group(group: Group) -> Iterator[str]:
    yield from _BLANK
    yield line(f"class {group.name}({group.base}, node=", group.node, "):")
    yield from (f"{_MARGIN}{docstring(group.doc)}", "")
    for field in group.fields:
        declared = f"{_MARGIN}{field.name}: {field.annotation}"
        bare = field.required and field.default is None
        yield declared if bare else line(f"{declared} = ", field.default)
    if group.constant:
        yield from _BLANK
        yield line(f"{group.constant} = ", group.points)


def _node(node: NodeFunction) -> Iterator[str]:
    yield from (*_BLANK, node.decorator, node.head)
    yield f"{_MARGIN}{docstring(node.doc)}"
    if node.guard:
        yield f"{_MARGIN}if {node.guard}:"
        yield line(f"{_MARGIN * 2}return skip(", node.reason, ")")
    yield line(f"{_MARGIN}job = ", node.job)
    if node.grid is None:
        yield line(f"{_MARGIN}return ", node.run)
        return
    if node.in_batches:
        yield line(f"{_MARGIN}batches = ", node.grid)
        yield f"{_MARGIN}for batch in batches:"
        yield line(f"{_MARGIN * 2}yield ", node.executions, ".map(batch, unmapped(job))")
        return
    points = "members" if node.in_group else "grid_points"
    yield line(f"{_MARGIN}{points} = ", node.grid)
    yield line(f"{_MARGIN}return ", node.executions, f".map({points}, unmapped(job))")
