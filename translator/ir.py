"""The pipeline as data: what every dialect is read into and every target is written from.

Frozen and without behaviour beyond derived properties. Names of nodes, steps, parameters and inputs are spelled
as the source file spells them; turning them into identifiers is the business of ``translator.names``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.span import Span

Scalar: TypeAlias = str | int | float | bool | None
Value: TypeAlias = Scalar | tuple[Scalar, ...]


class ParameterType(StrEnum):
    """Type of a step's parameter (Valohai's four)."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    FLAG = "flag"


class Multiple(StrEnum):
    """How a parameter that holds several values is passed on the command line."""

    REPEAT = "repeat"
    SEPARATE = "separate"


class KeepDirectories(StrEnum):
    """How much of an artifact's path is kept below the folder of an input."""

    NONE = "none"
    SUFFIX = "suffix"
    FULL = "full"


class OnError(StrEnum):
    """What an error of a node does to the pipeline (design.md, "Semantics")."""

    STOP_ALL = "stop-all"
    STOP_NEXT = "stop-next"
    CONTINUE = "continue"
    RETRY = "retry"


class OnChildError(StrEnum):
    """What an error of one execution does to its task node (``on-child-error`` of a Valohai task blueprint)."""

    CONTINUE_AND_COMPLETE = "continue-and-complete"
    CONTINUE_AND_ERROR = "continue-and-error"
    STOP_ALL_AND_ERROR = "stop-all-and-error"


class MergeMode(StrEnum):
    """Whether the files that edges bring replace an input's defaults or join them."""

    REPLACE = "replace"
    APPEND = "append"


class GridKind(StrEnum):
    """How the points of a grid come from its axes."""

    PRODUCT = "product"
    ZIP = "zip"
    RANDOM = "random"
    OPTIMISER = "optimiser"


class EdgeKind(StrEnum):
    """What an edge carries."""

    ARTIFACT = "output"
    INPUT = "input"
    PARAMETER = "parameter"
    METADATA = "metadata"
    ENVIRONMENT_VARIABLE = "environment-variable"
    DEPLOYMENT = "deployment"
    FILE = "file"
    DEPENDENCY = "dependency"


class Outcome(StrEnum):
    """An outcome of a node that a route can follow."""

    COMPLETE = "complete"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a step; ``default`` is a tuple where ``multiple`` is set."""

    name: str
    span: Span
    type: ParameterType = ParameterType.STRING
    default: Value = None
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[Scalar, ...] = ()
    multiple: Multiple | None = None
    separator: str = ","
    pass_as: str | None = None
    pass_true_as: str | None = None
    pass_false_as: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a step; ``default`` holds URIs, or paths relative to the project folder."""

    name: str
    span: Span
    default: tuple[str, ...] = ()
    optional: bool = False
    keep_directories: KeepDirectories = KeepDirectories.NONE
    filename: str | None = None
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """A declared output of a step; declarations promise, they do not filter."""

    name: str
    span: Span
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Resources:
    """What a step asks of the machine it runs on; cores, MB, and devices by name."""

    cpu: tuple[float | None, float | None] = (None, None)
    memory: tuple[float | None, float | None] = (None, None)
    devices: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Step:
    """What one execution runs, with a node's override already merged in; limits in seconds."""

    name: str
    span: Span
    command: tuple[str, ...]
    image: str | None = None
    parameters: tuple[Parameter, ...] = ()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    required_environment: tuple[str, ...] = ()
    time_limit: float | None = None
    no_output_timeout: float | None = None
    resources: Resources | None = None
    source_path: str | None = None
    description: str | None = None
    command_span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Axis:
    """The values that one parameter takes in a grid, as known when translating."""

    parameter: str
    values: tuple[Value, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Grid:
    """How a task node's points come to be.

    ``axes`` are those known when translating. A pipeline parameter or an edge that ends in a parameter of the task
    node gives that parameter's axis later; ``points`` (kind ZIP) are explicit parameter sets instead of axes.
    """

    kind: GridKind = GridKind.PRODUCT
    axes: tuple[Axis, ...] = ()
    points: tuple[Mapping[str, Value], ...] = ()
    span: Span | None = None


@dataclass(frozen=True, slots=True)
class Route:
    """Which node follows on which outcome, where order alone does not say it (Magnus' ``on_failure``)."""

    outcome: Outcome
    target: str


@dataclass(frozen=True, slots=True)
class Policy:
    """What happens around a node: on error, how many tries in all, how many executions at once, what follows."""

    on_error: OnError = OnError.STOP_ALL
    on_child_error: OnChildError | None = None
    tries: int = 1
    concurrency: int | None = None
    reuse: bool = False
    routes: tuple[Route, ...] = ()


@dataclass(frozen=True, slots=True)
class ExecutionNode:
    """A step that runs once."""

    name: str
    span: Span
    step: Step
    policy: Policy = Policy()
    merge_mode: MergeMode = MergeMode.REPLACE


@dataclass(frozen=True, slots=True)
class TaskNode:
    """A step that runs once per point of a grid."""

    name: str
    span: Span
    step: Step
    grid: Grid = Grid()
    policy: Policy = Policy()
    merge_mode: MergeMode = MergeMode.REPLACE


@dataclass(frozen=True, slots=True)
class DeploymentNode:
    """A node that brings up endpoints."""

    name: str
    span: Span
    deployment: str
    endpoints: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    policy: Policy = Policy()


@dataclass(frozen=True, slots=True)
class ApprovalNode:
    """A node that waits for a human."""

    name: str
    span: Span
    policy: Policy = Policy()


@dataclass(frozen=True, slots=True)
class ParallelNode:
    """Named sub-graphs that run side by side."""

    name: str
    span: Span
    branches: Mapping[str, Graph]
    policy: Policy = Policy()


@dataclass(frozen=True, slots=True)
class MapNode:
    """One sub-graph per item of a list that is a parameter or the files that match."""

    name: str
    span: Span
    body: Graph
    over: str
    item: str
    policy: Policy = Policy()


@dataclass(frozen=True, slots=True)
class LoopNode:
    """A sub-graph again and again until a condition holds or ``limit`` is reached."""

    name: str
    span: Span
    body: Graph
    until: str
    limit: int
    policy: Policy = Policy()


@dataclass(frozen=True, slots=True)
class ChoiceNode:
    """One of several sub-graphs, chosen while running (conditional, switch)."""

    name: str
    span: Span
    on: str
    cases: Mapping[str, Graph]
    policy: Policy = Policy()


Node: TypeAlias = (
    ExecutionNode | TaskNode | DeploymentNode | ApprovalNode | ParallelNode | MapNode | LoopNode | ChoiceNode
)
StepNode: TypeAlias = ExecutionNode | TaskNode


@dataclass(frozen=True, slots=True)
class Port:
    """One end of an edge: ``key`` is an output pattern, or the name of an input, parameter, metadata key..."""

    node: str
    kind: EdgeKind
    key: str
    span: Span | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.node}.{self.kind}.{self.key}"


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection from a port of one node to a port of another; any edge is also an order."""

    source: Port
    target: Port
    span: Span

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the order of the source file, and the edges between them."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...] = ()


@dataclass(frozen=True, slots=True)
class ParameterTarget:
    """A parameter of a node that a pipeline parameter sets."""

    node: str
    parameter: str
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PipelineParameter:
    """A parameter of the whole run; without a default and without a value its targets keep their own."""

    name: str
    span: Span
    default: Value = None
    targets: tuple[ParameterTarget, ...] = ()
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A whole pipeline; ``file`` is the source file's name without folders."""

    name: str
    dialect: str
    file: str
    graph: Graph
    span: Span
    parameters: tuple[PipelineParameter, ...] = ()

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the outermost graph."""
        return self.graph.nodes

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edges of the outermost graph."""
        return self.graph.edges
