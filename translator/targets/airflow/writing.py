"""Write the source text of a DAG file from its model."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.targets.airflow.model import PlainNode
from translator.targets.render import EARLIER, call, comment, keywords, line, literal, name, outline_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from translator.targets.airflow.model import DagFile, Frame, GroupNode, OrderLine, VisualGroup

_MARGIN = " " * 4
OF_LOOPS = ("ask", "batch", "number", "pairwise")
"""The names that loops over the batches of a node use."""
_LISTED = 8
"""The largest group whose ranks are listed."""


def dag_source(file: DagFile) -> Iterator[str]:
    """Yield the text of the DAG file of a dataflow graph."""
    yield from framed(file, _tasks(file))


def framed(file: Frame, tasks: Iterable[str]) -> Iterator[str]:
    """Yield the text of a DAG file around that of its tasks."""
    yield file.marker
    for block in file.imports:
        if block:
            yield from (*block, "")
    yield from (*file.project, "")
    for constant in file.constants:
        yield line(f"{constant.name} = ", constant.value)
    if file.outline:
        yield from outline_lines(file.outline)
    yield from ("", "with DAG(")
    for argument in file.arguments:
        if argument[0] in file.comments:
            yield f"{_MARGIN}{comment(file.comments[argument[0]])}"
        yield from keywords([argument], _MARGIN)
    yield ") as dag:"
    yield from tasks
    if file.late_params:
        yield ""
        yield f"{_MARGIN}# Set once all tasks exist: Airflow copies the DAG's params into each new task. With"
        yield f"{_MARGIN}# so many tasks and params, parsing this file would otherwise take seconds."
        yield line(_MARGIN, call("dag.params.update", file.late_params))


def _tasks(file: DagFile) -> Iterator[str]:
    if file.earlier:
        yield f"{_MARGIN}{comment(EARLIER)}"
        for node in file.earlier:
            yield f"{_MARGIN}{node.variable} = {literal(node.reference)}  {comment(node.place)}"
        yield ""
    for group in file.groups:
        yield from _visual_group(group)
    yield f"{_MARGIN}# Runs last, whatever happened: writes run.json and sets the run's state."
    yield from (line(f"{_MARGIN}finish = ", file.finish), "")
    for order in file.order:
        if order.note:
            yield f"{_MARGIN}{comment(order.note)}"
        yield _order(order)


def _order(order: OrderLine) -> str:
    if not order.several:
        return f"{_MARGIN}{order.before}{order.after}"
    return line(f"{_MARGIN}{order.before}", [name(text) for text in order.several], order.after)


def _visual_group(group: VisualGroup) -> Iterator[str]:
    margin = _MARGIN
    if group.group is not None:
        yield line(f"{_MARGIN}with ", group.group, ":")
        margin = _MARGIN * 2
    for node in group.nodes:
        yield from _plain_node(node, margin) if isinstance(node, PlainNode) else _group_node(node, margin)
        yield ""


def _plain_node(node: PlainNode, margin: str) -> Iterator[str]:
    if node.note:
        yield f"{margin}{comment(node.note)}"
    if not node.place:
        yield line(f"{margin}{node.variable} = ", node.task)
        return
    yield f"{margin}{node.variable} = {node.task.function.text}(  {comment(node.place)}"
    yield from keywords(node.task.keywords, margin + _MARGIN)
    yield f"{margin})"


def _ranks(members: int) -> str:
    return str(list(range(members))) if members <= _LISTED else f"list(range({members}))"


def _group_node(node: GroupNode, margin: str) -> Iterator[str]:
    place = f"  {comment(node.place)}" if node.place else ""
    yield line(f"{margin}with ", node.group, f" as {node.variable}:{place}")
    inside = margin + _MARGIN
    if node.batches:
        yield from _batches(node, inside)
        return
    starting, grid, run = node.parts["starting"], node.parts["grid"], node.parts["run"]
    if node.starting:
        yield line(f"{inside}{starting} = ", node.starting)
    if node.grid:
        if node.purpose:
            yield f"{inside}{comment(node.purpose)}"
        yield f"{inside}{grid} = GridOperator("
        yield from keywords(node.grid, inside + _MARGIN)
        yield f"{inside})"
    partial, expand = "", ""
    if node.members is not None:
        partial, expand = ".partial", f".expand(rank={_ranks(node.members)})"
        yield f"{inside}{comment(f'One group of {node.members} executions, which start and end together.')}"
    elif node.mapped:
        partial, expand = ".partial", f".expand(point={f'{grid}.output' if node.grid else '[{}]'})"
    yield f"{inside}{run} = {node.operator}{partial}("
    yield from keywords(node.step, inside + _MARGIN)
    yield f"{inside}){expand}"
    if node.starting:
        yield f"{inside}{starting} >> {grid if node.grid else run}"
    if node.note:
        yield f"{inside}{comment(node.note)}"
    upstream = f"[{grid}, {run}]" if node.waits_for_grid else run
    if node.done:
        yield line(f"{inside}{upstream} >> ", node.done)


def _batches(node: GroupNode, margin: str) -> Iterator[str]:
    """Yield the tasks of a node that runs batch by batch: a loop, because all batches are the same."""
    starting, search = node.parts["starting"], node.parts["search"]
    ask, run, batches = node.parts["ask"], node.parts["run"], node.parts["batches"]
    if node.starting:
        yield line(f"{margin}{starting} = ", node.starting)
    yield f"{margin}{comment(node.purpose or '')}"
    yield line(f"{margin}{search} = ", node.search)
    yield f"{margin}{batches} = []"
    yield f"{margin}for number in range(1, {node.batches + 1}):"
    inside, arguments = margin + _MARGIN, margin + _MARGIN * 2
    yield f"{inside}{ask} = AskOperator("
    yield f'{arguments}task_id=f"ask_{{number}}",'
    yield from keywords(node.grid or (), arguments)
    if node.batches > 1:
        yield f"{arguments}{comment('Executions of the batch before may have failed.')}"
        yield f"{arguments}trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS"
        yield f"{arguments}if number > 1"
        yield f"{arguments}else TriggerRule.ALL_SUCCESS,"
    yield f"{inside})"
    yield f"{inside}{run} = {node.operator}.partial("
    yield f'{arguments}task_id=f"run_{{number}}",'
    yield from keywords(node.step, arguments)
    yield f"{inside}).expand(point={ask}.output)"
    yield f"{inside}{batches}.append([{ask}, {run}])"
    if node.starting:
        yield f"{margin}{starting} >> {batches}[0][0]"
    if node.batches > 1:
        yield f"{margin}for batch, (ask, _) in pairwise({batches}):"
        yield f"{inside}batch >> ask"
    if node.note:
        yield f"{margin}{comment(node.note)}"
    yield line(f"{margin}{batches}[-1] >> ", node.done)
