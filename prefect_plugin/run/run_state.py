"""Hold what the tasks of a flow run share: the run, and its nodes that have begun."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from prefect_plugin.run.approval_rules import DEFAULT, ApprovalRules
from prefect_plugin.run.stopping import Stop
from translator.shim import clock
from translator.shim.actions.conditions import is_met
from translator.shim.code import directory
from translator.shim.contract import State as Outcome
from translator.shim.outcome.traces import NODE, EngineState

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path
    from threading import BoundedSemaphore
    from uuid import UUID

    from prefect import State
    from prefect.futures import PrefectFuture

    from prefect_plugin.parameters.points import Point
    from translator.shim.actions.effects import Fired
    from translator.shim.contract import Action, Distributed, Json, Manifest, StoreAddress, Value
    from translator.shim.outcome.plans import GraphPlan, NodePlan
    from translator.shim.outcome.run_record import RunRecord


@dataclass(eq=False, slots=True)
class NodeRun:
    """A node that has begun: its executions so far, and whether they must stop."""

    run: Run
    name: str
    kind: Literal["execution", "task"]
    points: list[Point] | None = None
    manifests: dict[int, Manifest] = field(default_factory=dict)
    states: dict[int, Outcome] = field(default_factory=dict)
    tries: dict[int, str] = field(default_factory=dict)
    """The URI of the manifest of each execution's last try, by index, even before it is written."""
    reason: str | None = None
    """The reason why the node failed, unless an execution has it."""
    actions: Sequence[Action] = ()
    approval: ApprovalRules = DEFAULT
    fired: list[Fired] = field(default_factory=list)
    """The effects of its actions so far."""
    reasons: dict[int, str] = field(default_factory=dict)
    """The reasons why executions were lost, as their task runner says, by index."""
    find_tries: Callable[[], Mapping[int, str]] | None = None
    """Looks in the store for the tries of executions on other machines, while there are any."""
    stop: Stop = field(default_factory=Stop)
    group: Distributed | None = None
    """The group of its executions, if the node is a distributed task."""
    stop_condition: str | None = None
    """Once it holds for the metadata of a complete execution, no others start."""
    is_over: bool = False
    """Whether its ``stop_condition`` has held."""
    infrastructure: bool = False
    """Whether its execution failed although the command is not to blame."""

    def ended(self, index: int, manifest: Manifest) -> None:
        """Record the manifest of an execution that has ended."""
        self.manifests[index] = manifest
        if self.stop_condition is not None and manifest.state is Outcome.COMPLETE:
            self.is_over = self.is_over or is_met(self.stop_condition, manifest.metadata)

    def should_stop(self) -> str | None:
        """Return the reason to stop executions of this node, if there is one."""
        return self.run.stop.reason or self.stop.reason

    def claimed(self, index: int) -> Callable[[str], None]:
        """Return a function that records the manifest's URI of a try that begins."""
        return lambda uri: self.tries.__setitem__(index, uri)

    def engine_states(self) -> dict[int, EngineState]:
        """Return by index what this attempt knows of executions; an execution without a state was cut off."""
        return {
            index: EngineState(
                self.states.get(index, Outcome.STOPPED),
                self.tries.get(index),
                reason=self.reason if index == NODE else self.reasons.get(index),
            )
            for index in sorted({*self.states, *self.tries})
        }


@dataclass(eq=False, slots=True)
class Run:
    """The state that all tasks of a flow run share; ``id`` is the run's name in the store."""

    pipeline: str
    id: str
    store: StoreAddress
    store_block: str | None
    """The name of the block that has the store's credentials."""
    code: str | Path
    """The project's directory, or the snapshot that is fetched in its place."""
    parameters: Mapping[str, Value | Json]
    flow_run: UUID
    catalogue: str | None = None
    """The file with names of data, relative to the project."""
    git_remote: str | None = None
    input_blocks: Mapping[str, str] = field(default_factory=dict)
    """The names of blocks with the credentials for inputs, by the start of their addresses."""
    project_name: str | None = None
    resumes: str | None = None
    """The run, this or an earlier one, whose complete executions are kept."""
    failed_before: Collection[str] = ()
    """The names of task runs that are failed in earlier attempts, also because a person set this state."""
    reuse_nodes: Collection[str] | None = ()
    """The nodes whose executions may have the results of earlier ones; None stands for all."""
    creator: str | None = None
    """Who or what started the flow run, if the server knows."""
    started: str = field(default_factory=clock.now)
    stop: Stop = field(default_factory=Stop)
    plans: dict[str, NodePlan] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    futures: dict[str, PrefectFuture[Any]] = field(default_factory=dict)
    names: dict[UUID, str] = field(default_factory=dict)
    mapped: list[tuple[str, PrefectFuture[Any]]] = field(default_factory=list)
    """Futures that nodes have submitted, with the names of the task runs."""
    returned_states: dict[UUID, State[Any]] = field(default_factory=dict)
    """The state that the body of each task run returned."""
    nodes: dict[str, NodeRun] = field(default_factory=dict)
    record: RunRecord | None = None
    slots: BoundedSemaphore | None = None
    """Slots for running nodes, if the pipeline limits how many run at once."""
    tell_to_stop: Callable[[], None] | None = None
    """Tells executions on other machines which requests to stop there are, if there are any executions."""
    labelled: bool = False
    """Whether the labels of the flow run name this attempt."""
    earlier_tries: Mapping[str, int] = field(default_factory=dict)
    """The last try of each execution before this attempt, see ``attempts.note_earlier_tries``."""
    graph: Callable[[], GraphPlan] | None = None
    """The graph of a control-flow pipeline, with the routes taken so far."""

    def project(self) -> Path:
        """Return the directory of the project on this machine.

        Raises:
            CodeError: it cannot be fetched.
            StoreError: the store cannot be read.
        """
        return directory(self.code, self.store)
