"""Read the pipeline of a Loom file into the IR."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import PurePath
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from translator import ir
from translator.diagnostics import Diagnostics
from translator.dialects.choices import ChoiceError
from translator.dialects.loom import model, order, scripts
from translator.dialects.loom.choices import LoomChoices
from translator.dialects.loom.descriptions import described, switch_text, switched, uses
from translator.dialects.loom.document import read_file
from translator.dialects.loom.overrides import override
from translator.dialects.loom.passes import unroll
from translator.dialects.loom.paths import climbs, is_url
from translator.dialects.loom.references import Names, check_nesting
from translator.dialects.loom.selection import select
from translator.dialects.loom.steps import Lowered, lower, typed
from translator.files import is_missing, real
from translator.ir import EdgeKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from translator.dialects import Source

_WORKERS = 4
"""Loom's default limit of concurrent files in a parallel loop."""


def name_of(file: str, project: Path | None) -> str:
    """Return the pipeline's name: the file's without its suffix, or the directory's for a ``pipeline.yml``."""
    stem = PurePath(file).stem or "pipeline"
    if stem == "pipeline" and project is not None:
        return real(project).name or stem
    return stem


def read_pipelines(source: Source, diagnostics: Diagnostics) -> tuple[ir.Pipeline, ...]:
    """Read the pipeline of a file; see ``translator.dialects.loom.read``.

    Raises:
        ChoiceError: the command line names something that the file does not have.
    """
    if source.root is None:
        return ()
    options = source.choices
    choices = options.of(LoomChoices)
    file = read_file(source.root, diagnostics)
    if file is None or not diagnostics.ok:
        return ()
    file = override(file, choices, source.root.span)
    check_nesting(file.data, diagnostics)
    _taken_names(file, diagnostics)
    everything, data = _unrolled(file)
    _duplicates([step for _, step in everything], diagnostics)
    chosen = select(everything, choices, diagnostics)
    if choices.run is not None:
        chosen = _with_others(everything, chosen, choices)
    steps = [step for _, step in everything]
    names = Names(
        data,
        file.parameters,
        {step.name: step for step in steps if step.kind == model.CONDITION},
        {step.name: step for step in steps if step.kind == model.SWITCH},
    )
    if not diagnostics.ok:
        return ()
    reader = _Reader(file, names, choices, diagnostics, _left_out(steps, chosen, names, choices))
    return (reader.pipeline(name_of(source.name, source.project), source, chosen),)


def chosen_steps(source: Source) -> tuple[str, ...]:
    """Return the names of the steps that the command line selects, if the file can be read.

    Raises:
        ChoiceError: the command line names something that the file does not have.
    """
    file = None if source.root is None else read_file(source.root, Diagnostics())
    if file is None:
        return ()
    chosen = select(_unrolled(file)[0], source.choices.of(LoomChoices), Diagnostics())
    return tuple(step.name for step in chosen if step.kind != model.SWITCH)


def _with_others(
    everything: Sequence[tuple[str, model.Step]], chosen: Sequence[model.Step], choices: LoomChoices
) -> list[model.Step]:
    """Return the steps of a whole run and those that the command line selects: edges lead from the others to them."""
    unselected = replace(choices, first=None, last=None, steps=(), group=None)
    by_name = {step.name: step for step in (*select(everything, unselected, Diagnostics()), *chosen)}
    return [by_name[step.name] for _, step in everything if step.name in by_name]


def _left_out(
    steps: Sequence[model.Step], chosen: Sequence[model.Step], names: Names, choices: LoomChoices
) -> dict[str, str]:
    """Return by path the steps that write it and that ``--step``, ``--from`` or ``--to`` leave out."""
    if choices.run is not None or not (choices.steps or choices.first or choices.last):
        return {}
    run = {step.name for step in chosen}
    return {
        names.path(slot.reference): step.name
        for step in steps
        if step.name not in run
        for slot in step.outputs
        if slot.reference is not None and slot.reference in names.data
    }


def _unrolled(file: model.File) -> tuple[list[tuple[str, model.Step]], dict[str, model.DataNode]]:
    """Return all steps, each with its name on the command line, and all data nodes."""
    steps: list[tuple[str, model.Step]] = []
    data = dict(file.data)
    for entry in file.entries:
        if isinstance(entry, model.MultiPass):
            unrolled, files = unroll(entry, file.data)
            steps += [(entry.name, step) for step in unrolled]
            data |= files
        else:
            steps.append((entry.name, entry))
    return steps, data


def _taken_names(file: model.File, diagnostics: Diagnostics) -> None:
    taken = {f"data.{name}": f"the path of data node {name!r}" for name in file.data}
    taken |= {f"include.{entry.name}": f"whether step {entry.name!r} is included" for entry in file.entries}
    for parameter in file.parameters.values():
        if parameter.name in taken:
            message = f"a parameter cannot be named {parameter.name!r}, which is {taken[parameter.name]}"
            diagnostics.error("taken-name", message, parameter.span)


def _duplicates(steps: Sequence[model.Step], diagnostics: Diagnostics) -> None:
    first: dict[str, model.Step] = {}
    for step in steps:
        if first.setdefault(step.name, step) is not step:
            hint = f"the first is on line {first[step.name].span.line}"
            diagnostics.error("duplicate-name", f"there are two steps named {step.name!r}", step.span, hint=hint)


@dataclass(frozen=True, slots=True)
class _Reader:
    """The state of the reader while the steps of a run become nodes; ``left_out`` are steps by what they write."""

    file: model.File
    names: Names
    choices: LoomChoices
    diagnostics: Diagnostics
    left_out: Mapping[str, str]

    def pipeline(self, name: str, source: Source, chosen: Sequence[model.Step]) -> ir.Pipeline:
        """Return the whole pipeline."""
        run = {step.name: step for step in chosen}
        lowered = [
            lower(step, self.names, self.sequential(step), self.diagnostics)
            for step in chosen
            if step.kind != model.SWITCH
        ]
        self.add_options(lowered)
        edges = order.edges(lowered, self.names, parallel=bool(self.file.parallel), diagnostics=self.diagnostics)
        order.containment(lowered, self.names, self.file.output_dir, self.diagnostics)
        gates = {one.source.name: self.gates(one, run) for one in lowered}
        for one in lowered:
            gated = (gate.node for gate in gates[one.source.name] if gate.node)
            nodes = (*one.source.after, *gated, *self.behind(one, run))
            for before in dict.fromkeys(nodes):
                if before in run:
                    edges.append(_wait(before, one))
        nodes_of_run = tuple(self.node(one, gates[one.source.name]) for one in lowered)
        if source.project is not None:
            scripts.check(lowered, source.project, self.diagnostics)
            self.missing_files(lowered, edges, source.project)
        return ir.Pipeline(
            name=name,
            dialect="loom",
            file=source.name,
            graph=ir.Graph(nodes_of_run, tuple(edges)),
            span=source.root.span if source.root else chosen[0].span,
            parameters=self.parameters(lowered, gates),
            concurrency=self.file.max_workers if self.file.parallel else 1,
        )

    def sequential(self, step: model.Step) -> bool:
        """Return whether a loop runs one file after another; it always does if the steps themselves run in parallel."""
        if step.loop is None:
            return True
        if self.file.parallel and step.loop.parallel:
            message = f"Loom processes the files of {step.name!r} one at a time, because its steps run in parallel"
            hint = "to process files in parallel, remove 'execution: {parallel: true}'"
            self.diagnostics.note("sequential-loop", message, step.loop.over.span, hint=hint)
        return bool(self.file.parallel) or not step.loop.parallel

    def add_options(self, lowered: Sequence[Lowered]) -> None:
        """Add the arguments of the command line to the options of steps."""
        words = tuple((self.choices.extra or "").split())
        if words and (len(lowered) != 1 or lowered[0].files is not None or lowered[0].source.kind != model.TASK):
            raise ChoiceError("--extra needs one --step, a task without a loop")
        for one in lowered:
            options: dict[str, Any] = dict(one.step.options)
            if words:
                options["extra"] = words
            if self.choices.in_place:
                options["in_place"] = True
            one.step = replace(one.step, options=MappingProxyType(options))

    def gates(self, lowered: Lowered, run: Mapping[str, model.Step]) -> tuple[ir.Gate, ...]:
        """Return the gates of a step: whether it is included, and the branches of switches."""
        step = lowered.source
        distinct: dict[ir.Gate, None] = {}
        if step.optional:
            distinct[ir.Gate(expected=True, parameter=f"include.{step.name}", excludes=True)] = None
            if step.kind == model.CONDITION and step.name not in self.choices.include:
                what = "optional conditions are not supported, because Loom's switches fail without them"
                self.diagnostics.error("unsupported-optional-condition", what, step.span)
        for name, branch, place in lowered.branches:
            switch = self.names.switches[name]
            if name not in run or (switch.optional and name not in self.choices.include):
                continue  # as in Loom: a switch that is not part of the run blocks nothing
            slot = switch.condition
            reference = slot.reference if slot else None
            if reference in self.names.conditions:
                if reference not in run:
                    message = f"switch {name!r} needs the condition {reference!r}, which is not part of the run"
                    self.diagnostics.error("missing-condition", message, slot.span if slot else place)
                distinct[ir.Gate(expected=branch == "then", node=reference)] = None
            elif reference in self.names.parameters:
                distinct[ir.Gate(expected=branch == "then", parameter=reference)] = None
            else:
                from translator.names import did_you_mean

                known = [*self.names.conditions, *self.names.parameters]
                message = (
                    f"the condition of switch {name!r} is not a condition or parameter: {slot.value if slot else ''!r}"
                )
                written = str(reference or (slot.value if slot else ""))
                hint = did_you_mean(written, [f"${n}" for n in known], "conditions and parameters")
                self.diagnostics.error("unknown-reference", message, slot.span if slot else place, hint=hint)
        distinct.update(dict.fromkeys(gate for gate in step.gates if gate.node in run))
        return tuple(distinct)

    def behind(self, lowered: Lowered, run: Mapping[str, model.Step]) -> list[str]:
        """Return the conditions of switches that a step depends on through the data of another switch."""
        slots = [self.names.switches[name].condition for name in lowered.behind if name in run]
        references = [slot.reference for slot in slots if slot is not None and slot.reference is not None]
        return [reference for reference in references if reference in self.names.conditions]

    def node(self, lowered: Lowered, gates: tuple[ir.Gate, ...]) -> ir.StepNode:
        """Return the node of a step."""
        step = lowered.source
        policy = ir.Policy(on_error=ir.OnError.STOP_NEXT, gates=gates)
        if lowered.files is None:
            return ir.ExecutionNode(step.name, step.span, lowered.step, policy, group=step.group)
        workers = 1 if lowered.files.sequential else self.file.max_workers or _WORKERS
        policy = replace(policy, on_child_error=ir.OnChildError.CONTINUE_AND_ERROR, concurrency=workers)
        grid = ir.Grid(ir.GridKind.FILES, span=step.loop.over.span if step.loop else step.span, files=lowered.files)
        return ir.TaskNode(step.name, step.span, lowered.step, grid, policy, group=step.group)

    def parameters(
        self, lowered: Sequence[Lowered], gates: Mapping[str, tuple[ir.Gate, ...]]
    ) -> tuple[ir.PipelineParameter, ...]:
        """Return the parameters of the run: those of the file, its paths, and which optional steps are included."""
        targets: dict[str, list[ir.ParameterTarget]] = {}
        for lowered_step in lowered:
            for name, target in lowered_step.sets:
                targets.setdefault(name, []).append(target)
        switches = switched(gates)
        pipeline_parameters: list[ir.PipelineParameter] = []
        for parameter in self.file.parameters.values():
            if parameter.name in targets or parameter.name in switches:
                value = typed(parameter.value)[1]
                tied = tuple(dict.fromkeys(targets.get(parameter.name, ())))
                if not tied and not parameter.value:
                    value = False  # only switches depend on it, on its truth, which a text would lose for []
                shown = None if tied else switch_text(switches[parameter.name])
                pipeline_parameters.append(ir.PipelineParameter(parameter.name, parameter.span, value, tied, shown))
        uses_of = uses(lowered)
        for node in self.file.data.values():
            tied = tuple(dict.fromkeys(targets.get(f"data.{node.name}", ())))
            if tied:
                path, shown = self.names.path(node.name), described(node, *uses_of)
                pipeline_parameters.append(
                    ir.PipelineParameter(f"data.{node.name}", node.span, path, tied, shown, "Data")
                )
        for lowered_step in lowered:
            if lowered_step.source.optional:
                name = lowered_step.source.name
                pipeline_parameter = ir.PipelineParameter(
                    f"include.{name}",
                    lowered_step.source.span,
                    default=name in self.choices.include,
                    description=f"Whether the step {name} is part of the run.",
                    section="Optional steps",
                )
                pipeline_parameters.append(pipeline_parameter)
        return tuple(pipeline_parameters)

    def missing_files(self, lowered: Sequence[Lowered], edges: Sequence[ir.Edge], project: Path) -> None:
        """Warn of missing input files that no step writes."""
        fed = {(edge.target.node, edge.target.key) for edge in edges if edge.target.kind is EdgeKind.INPUT}
        for one in lowered:
            for use in one.reads:
                path = use.path
                if (use.step, use.parameter) in fed or is_url(path) or "${" in path or "\0" in path:
                    continue
                if one.source.kind == model.CONDITION or (climbs(path) and not path.startswith("/")):
                    continue
                if is_missing(project / path):
                    message = f"step {use.step!r} reads {path!r}, which does not exist and no step of the run writes"
                    writer, hint = self.left_out.get(path), None
                    if writer is not None:
                        hint = f"run {writer!r}, too, or take its files from an earlier run with --run latest"
                    self.diagnostics.warning("missing-file", message, use.span, hint=hint)


def _wait(before: str, lowered: Lowered) -> ir.Edge:
    span = lowered.source.span
    return ir.Edge(
        ir.Port(before, EdgeKind.DEPENDENCY, "*", span),
        ir.Port(lowered.source.name, EdgeKind.DEPENDENCY, "*", span),
        span,
    )
