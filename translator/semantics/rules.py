"""Apply the rules to one node and its upstream nodes; numbers are those of ``translator.semantics``."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, TypeAlias, cast

from translator import ir
from translator.errors import UncheckedPipelineError
from translator.graphs import reachable, topological_order
from translator.ir import EdgeKind, MergeMode
from translator.launch_inputs import key
from translator.nodes import step_nodes
from translator.runtime import lower_axis, lower_search, lower_step
from translator.semantics import actions, gates
from translator.semantics.oracle import NOTHING, Attempt, Oracle, all_complete
from translator.semantics.results import Execution, Result, ends_task, is_group, settle
from translator.shim import contract, parameters
from translator.shim.contract import VERDICT, State, Value
from translator.shim.inputs.edges import matches
from translator.shim.parameters import bayesian, file_grid, grid, variables

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

Points: TypeAlias = "list[tuple[Mapping[str, Value], str | None]]"
"""The parameters of executions, and why they are invalid."""
_VALUES = (EdgeKind.PARAMETER, EdgeKind.METADATA)


class Rules:
    """The meaning of one pipeline with one set of values.

    Args:
        pipeline: The pipeline; execution and task nodes only.
        values: The values given for this run, by ``NAME`` of a pipeline parameter or ``NODE.PARAMETER``, and the files
            of inputs, by ``NODE.inputs.INPUT``.
        oracle: How each try of an execution ends.
        missing: Defaults of inputs (URIs, paths, wildcards) without a file.
        project: The directory of the source file, in which loops find files that no edge brings. Without it, loops
            run over as many files as in ``widths`` (default: one).
        widths: By node how many files a loop runs over, if there is no ``project``.
        rejected: The nodes whose approvals people reject; they approve all others.

    Raises:
        UncheckedPipelineError: these rules do not cover a kind of node or grid yet.
        OptunaMissingError: there is a Bayesian search, and Optuna is not installed.
    """

    def __init__(  # noqa: PLR0913 - all that defines a run
        self,
        pipeline: ir.Pipeline,
        values: Mapping[str, Value] = NOTHING,
        oracle: Oracle = all_complete,
        missing: frozenset[str] = frozenset(),
        *,
        project: Path | None = None,
        widths: Mapping[str, int] = NOTHING,
        rejected: frozenset[str] = frozenset(),
    ) -> None:
        self.pipeline = pipeline
        self.values = values
        self.oracle = oracle
        self.missing = missing
        self.project = project
        self.widths = widths
        self.rejected = rejected
        for node in pipeline.nodes:
            if not isinstance(node, ir.ExecutionNode | ir.TaskNode):
                raise UncheckedPipelineError(f"{type(node).__name__} {node.name!r}", "by the specification")
        self.nodes = step_nodes(pipeline)
        grids = [node.grid for node in pipeline.nodes if isinstance(node, ir.TaskNode)]
        if any(one.kind is ir.GridKind.OPTIMISER for one in grids) and not bayesian.is_available():
            raise bayesian.OptunaMissingError(f"a Bayesian search needs Optuna: {bayesian.INSTALL}")

    @cached_property
    def incoming(self) -> Mapping[str, Sequence[ir.Edge]]:
        """The edges into each node, in the order of the file."""
        incoming: dict[str, list[ir.Edge]] = {name: [] for name in self.nodes}
        for edge in self.pipeline.edges:
            incoming[edge.target.node].append(edge)
        return incoming

    @cached_property
    def earlier(self) -> Mapping[tuple[str, str], Sequence[ir.Edge]]:
        """The edges from nodes that are left out, by the node and the input that they end in."""
        names = {node.name for node in self.pipeline.earlier}
        earlier: dict[tuple[str, str], list[ir.Edge]] = {}
        for edge in self.pipeline.incoming:
            if edge.source.node in names and edge.target.kind is EdgeKind.INPUT:
                earlier.setdefault((edge.target.node, edge.target.key), []).append(edge)
        return earlier

    @cached_property
    def upstream(self) -> Mapping[str, tuple[str, ...]]:
        """The nodes with an edge into each node, in the order of the edges."""
        return {name: tuple(dict.fromkeys(e.source.node for e in edges)) for name, edges in self.incoming.items()}

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The nodes, each after the nodes that have edges into it."""
        return tuple(topological_order(self.upstream))

    def ancestors(self, name: str) -> frozenset[str]:
        """Return the nodes that a node waits for, directly or not."""
        return reachable(self.upstream[name], self.upstream)

    def left_out(self, name: str, before: Mapping[str, Result]) -> Result | None:
        """Return the result of a node that may not start (rules 1, 2 and 14 to 16), or None if it may."""
        node = self.nodes[name]
        if unmet := gates.excluding(node, self.parameter_value):
            return Result(node, State.SKIPPED, (), f"not part of the run: {unmet}", started=False, absent=True)
        closed = [before[u] for u in self.upstream[name] if not before[u].opens]
        if node.step.kind is ir.StepKind.COLLECT:
            closed = self._nothing_to_collect(name, before, closed)
        if closed:
            skipping = [r for r in closed if r.skips]
            cause = (skipping or closed)[0]
            state = State.SKIPPED if skipping else State.STOPPED
            why = f"not run: {cause.node.name} {'failed' if cause.state is State.ERROR else f'is {cause.state}'}"
            return Result(node, state, (), why, started=False)
        verdicts = {u: r.complete[-1].metadata.get(VERDICT) for u, r in before.items() if r.complete}
        if unmet := gates.unmet(node, self.parameter_value, verdicts):
            return Result(node, State.SKIPPED, (), f"not run: {unmet}", started=False)
        return None

    def parameter_value(self, parameter: str) -> object:
        """Return the value of a pipeline parameter in this run."""
        default = next((p.default for p in self.pipeline.parameters if p.name == parameter), None)
        return self.values.get(parameter, default)

    def _nothing_to_collect(self, name: str, before: Mapping[str, Result], closed: list[Result]) -> list[Result]:
        """Return what keeps the end of a ``multi_pass`` from running (rule 16)."""
        errors = [before[one] for one in sorted(self.ancestors(name)) if before[one].state is State.ERROR]
        if errors or all(before[u].state is not State.COMPLETE for u in self.upstream[name]):
            return errors or closed
        return []

    def run(self, name: str, before: Mapping[str, Result]) -> Result:
        """Return the result of a node that starts and is not stopped; the stop of rule 10 is not applied either."""
        node = self.nodes[name]
        try:
            points = self.points(node, before)
        except grid.GridError as error:
            fired = actions.starting(node, (), self.rejected)
            failed = Result(node, State.ERROR, (), f"its grid: {error}")
            return actions.prevented(node, fired) or actions.ended(failed, fired, self.rejected)
        fired = actions.starting(node, [point for point, _ in points], self.rejected)
        if prevented := actions.prevented(node, fired):
            return prevented
        files, unmet = self._inputs(node, before)
        environment, bad_value = self._environment(node, before)
        unmet = unmet or bad_value
        sequential = isinstance(node, ir.TaskNode) and node.grid.files is not None and node.grid.files.sequential
        executions: list[Execution] = []
        if is_group(node) and not unmet and not any(refused for _, refused in points):
            together = self._tried_together(node, [point for point, _ in points])
            executions = [replace(one, inputs=files, environment=environment) for one in together]
            points = []
        for index, (point, refused) in enumerate(self._with_later(node, before, points, executions)):
            reason = refused or unmet
            if sequential and any(e.state is State.ERROR for e in executions):
                executions.append(Execution(index, State.SKIPPED, 0, point, reason="not run: an earlier one failed"))
            elif reason:
                executions.append(Execution(index, State.ERROR, node.policy.tries, point, reason=reason, inputs=files))
            else:
                executions.append(replace(self._tried(node, index, point), inputs=files, environment=environment))
        return actions.ended(settle(node, tuple(executions)), fired, self.rejected)

    def _with_later(
        self, node: ir.StepNode, before: Mapping[str, Result], points: Points, executions: Sequence[Execution]
    ) -> Iterator[tuple[Mapping[str, Value], str | None]]:
        """Yield the points of the first batch, and of later ones, which follow from the executions (rule 3)."""
        while points:
            yield from points
            search = node.grid.search if isinstance(node, ir.TaskNode) else None
            if search is None or search.objective is None or any(ends_task(node, e) for e in executions):
                return
            metric = search.objective.metric
            trials = [
                contract.Trial(e.parameters, e.metadata.get(metric) if e.state is State.COMPLETE else None)
                for e in executions
            ]
            points = self.points(node, before, trials)

    def _tried(self, node: ir.StepNode, index: int, point: Mapping[str, Value]) -> Execution:
        tries = max(1, node.policy.tries)
        for attempt in range(1, tries + 1):
            ending = self.oracle(Attempt(node.name, index, attempt, point))
            if ending.state is State.COMPLETE or attempt == tries:
                break
        reason = None if ending.state is State.COMPLETE else "its command fails"
        metadata, outputs, folders = ending.metadata, ending.outputs, ending.folders
        return Execution(index, ending.state, attempt, point, metadata, outputs, reason=reason, folders=folders)

    def _tried_together(self, node: ir.StepNode, points: Sequence[Mapping[str, Value]]) -> list[Execution]:
        """Return the executions of a distributed task: in each attempt all are complete, or all fail (rule 22)."""
        tries = max(1, node.policy.tries)
        for attempt in range(1, tries + 1):
            endings = [self.oracle(Attempt(node.name, index, attempt, point)) for index, point in enumerate(points)]
            failed = [index for index, ending in enumerate(endings) if ending.state is not State.COMPLETE]
            if not failed or attempt == tries:
                break
        return [
            Execution(
                *(index, State.ERROR if failed else State.COMPLETE, attempt, point, ending.metadata, ending.outputs),
                reason=_reason_in_group(index, failed),
                folders=ending.folders,
            )
            for index, (point, ending) in enumerate(zip(points, endings, strict=True))
        ]

    def points(self, node: ir.StepNode, before: Mapping[str, Result], trials: Sequence[contract.Trial] = ()) -> Points:
        """Return the parameters of each execution, and why they are invalid (rules 3 to 5).

        Of a search with an objective, these are the executions of the batch after ``trials``.
        """
        own = {f"{node.name}.{p.name}": p.name for p in node.step.parameters}
        values = {own[key]: value for key, value in self.values.items() if key in own}
        for parameter in self.pipeline.parameters:
            value = self.values.get(parameter.name, cast("Value", parameter.default))
            if value is not None:
                values.update({t.parameter: value for t in parameter.targets if t.node == node.name})
        for edge in self.incoming[node.name]:
            if edge.target.kind is EdgeKind.PARAMETER:
                has_value, value = self._passed_value(node, edge, before[edge.source.node])
                if has_value:
                    values[edge.target.key] = value
        step = lower_step(node.step, self.pipeline.dialect)
        if isinstance(node, ir.ExecutionNode):
            return [_resolved(step, values)]
        if node.grid.files is not None:
            rows = self._over_files(node, node.grid.files, step, values, before)
            return [_resolved(step, {**values, **row}) for row in rows]
        if node.grid.distributed is not None:
            return [_resolved(step, values)] * node.grid.distributed.members
        axes: dict[str, Sequence[Value]] = {axis.parameter: axis.values for axis in node.grid.axes}
        axes.update({name: _spread(value) for name, value in values.items()})
        return [_resolved(step, point) for point in _grid_points(node.grid, step, axes, trials)]

    def _over_files(
        self,
        node: ir.TaskNode,
        axis: ir.FileAxis,
        step: contract.Step,
        values: Mapping[str, Value],
        before: Mapping[str, Result],
    ) -> Sequence[Mapping[str, Value]]:
        """Return the files that a loop iterates over: those of complete executions and of the project (rule 17)."""
        if self.project is None:
            return [dict.fromkeys(axis.items, f"file {n}") for n in range(self.widths.get(node.name, 1))]
        edges = [e for e in self.incoming[node.name] if e.target.key == axis.over]
        done = [e for edge in edges for e in before[edge.source.node].complete]
        brought = contract.InputFiles(
            files=[contract.FileRecord(path, 0, "", "") for e in done for path in e.outputs or ()],
            folders=[folder for e in done for folder in e.folders],
        )
        return file_grid.points(step, lower_axis(axis), values, brought, self.project)

    def _passed_value(self, node: ir.StepNode, edge: ir.Edge, source: Result) -> tuple[bool, Value]:
        """Return what an edge passes into a parameter (rule 4)."""
        values = _values(edge, source)
        if not values:
            return False, None
        target = next((p for p in node.step.parameters if p.name == edge.target.key), None)
        has_axes = isinstance(node, ir.TaskNode) and not is_group(node)
        many = has_axes or (target is not None and target.multiple is not None)
        if many and isinstance(source.node, ir.TaskNode):
            return True, tuple(chain.from_iterable(_spread(value) for value in values))
        return True, values[-1]

    def _environment(self, node: ir.StepNode, before: Mapping[str, Result]) -> tuple[Mapping[str, str], str | None]:
        """Return the environment variables that edges set, and why the command cannot start (rules 4 and 5)."""
        values: dict[str, Value] = {}
        for edge in self.incoming[node.name]:
            if edge.target.kind is EdgeKind.ENVIRONMENT_VARIABLE and edge.source.kind in _VALUES:
                passed = _values(edge, before[edge.source.node])
                if passed:
                    values[edge.target.key] = passed[-1]
        return variables.texts(values)

    def _inputs(
        self, node: ir.StepNode, before: Mapping[str, Result]
    ) -> tuple[Mapping[str, tuple[str, ...]], str | None]:
        """Return the files of each input, and why the command cannot start (rules 5 and 6)."""
        files: dict[str, tuple[str, ...]] = {}
        unmet = None
        for wanted in node.step.inputs:
            edges = [
                e for e in self.incoming[node.name] if e.target.kind is EdgeKind.INPUT and e.target.key == wanted.name
            ]
            launched = self.values.get(key(node.name, wanted.name))
            left_out = self.earlier.get((node.name, wanted.name), ()) if launched is None else ()
            got = [edge.source.key for edge in left_out]
            got += chain.from_iterable(_matching(e, before[e.source.node]) for e in edges)
            if not (edges or left_out) or node.merge_mode is MergeMode.APPEND:
                own = cast("Sequence[str]", launched) if launched is not None else wanted.default
                got[:0] = [file for file in own if file not in self.missing]
                gone = [file for file in own if file in self.missing]
                if gone:
                    unmet = unmet or f"input {wanted.name}: {gone[0]} does not exist"
            if not got and not wanted.optional:
                unmet = unmet or f"input {wanted.name}: it has no file"
            files[wanted.name] = tuple(got)
        return files, unmet


def _grid_points(
    spec: ir.Grid, step: contract.Step, axes: Mapping[str, Sequence[Value]], trials: Sequence[contract.Trial]
) -> Sequence[Mapping[str, Value]]:
    """Return the points of a grid that is not over files; ``axes`` are those of the run."""
    match spec.kind:
        case ir.GridKind.PRODUCT:
            return grid.points(step, axes)
        case ir.GridKind.ZIP:
            return grid.points(step, axes, spec.points)
        case ir.GridKind.RANDOM if spec.search is not None:
            return grid.points(step, axes, search=lower_search(spec.search))
        case ir.GridKind.OPTIMISER if spec.search is not None:
            return grid.points(step, axes, search=lower_search(spec.search), trials=trials)
        case other:
            raise UncheckedPipelineError(f"a grid of kind {other}", "by the specification")


def _reason_in_group(index: int, failed: Sequence[int]) -> str | None:
    if not failed:
        return None
    return "its command fails" if index in failed else f"member {failed[0]} of its group fails"


def _resolved(step: contract.Step, point: Mapping[str, contract.Value]) -> tuple[Mapping[str, Value], str | None]:
    try:
        return parameters.resolve(step, point, {}), None
    except parameters.ParameterError as error:
        return {p.name: point.get(p.name, p.default) for p in step.parameters}, str(error)


def _values(edge: ir.Edge, source: Result) -> list[Value]:
    """Return the values of a parameter or metadata key in the complete executions of its node, in grid order."""
    holders = [e.metadata if edge.source.kind is EdgeKind.METADATA else e.parameters for e in source.complete]
    return [cast("Value", value) for holder in holders if (value := holder.get(edge.source.key)) is not None]


def _spread(value: Value) -> Sequence[contract.Scalar]:
    return (value,) if value is None or isinstance(value, str | int | float) else value


def _matching(edge: ir.Edge, source: Result) -> Iterator[str]:
    """Yield the files that an edge brings: from complete executions, without the sidecar files of file metadata."""
    for execution in source.complete:
        if edge.source.kind is EdgeKind.INPUT:
            for name, files in execution.inputs.items():
                if name == edge.source.key or fnmatchcase(name, edge.source.key):
                    yield from files
        elif execution.outputs is None:
            yield edge.source.key
        else:
            for path in execution.outputs:
                if matches(path, edge.source.key):
                    yield path
