"""Represent the pipeline as data, between dialects, which produce it, and targets, which read it.

The IR is frozen and has no behaviour beyond derived properties. Names of nodes, steps, parameters and inputs are
spelled as in the source file; ``translator.names`` turns them into identifiers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.span import Span

LARGEST_INTEGER = 2**63 - 1
"""The largest integer that engines can store; the smallest is its negative."""
Scalar: TypeAlias = str | int | float | bool | None
Value: TypeAlias = Scalar | tuple[Scalar, ...]
Json: TypeAlias = "Scalar | tuple[Json, ...] | Mapping[str, Json]"
"""A value of a parameter in a control-flow graph (Magnus, runnable): any JSON value, arrays as tuples."""


Settings: TypeAlias = "Mapping[str, Mapping[str, Json]]"
"""Settings of ``translator.toml`` by target: arguments, by name, of what the target writes."""


class StepKind(StrEnum):
    """The kind of a step's command, which decides what runs it."""

    COMMAND = "command"
    """Valohai: shell commands."""
    SCRIPT = "script"
    """Loom: a Python script, called with its inputs, outputs and arguments in Loom's order."""
    CONDITION = "condition"
    """Loom: a predicate, or a script's ``evaluate``; its verdict is the metadata key ``result``."""
    COLLECT = "collect"
    """Loom's ``multi_pass``: brings the last iteration's files to the places of the group's own outputs."""
    PYTHON = "python"
    """Magnus, runnable: a function, ``module.function``."""
    SHELL = "shell"
    """Magnus, runnable: the text of one ``sh -c``."""
    NOTEBOOK = "notebook"
    """Magnus, runnable: a notebook, executed with its parameters injected."""
    STUB = "stub"
    """Magnus, runnable: no command; only its catalog takes effect."""
    DEPLOYMENT = "deployment"
    """Valohai: no command; a new version of a deployment."""


class ParameterType(StrEnum):
    """Type of a step's parameter (Valohai's four)."""

    STRING = "string"
    INTEGER = "integer"
    FLOAT = "float"
    FLAG = "flag"


class Multiple(StrEnum):
    """The form in which a parameter with several values is passed on the command line."""

    REPEAT = "repeat"
    SEPARATE = "separate"


class KeepDirectories(StrEnum):
    """The part of an artifact's path that is kept in an input's directory."""

    NONE = "none"
    SUFFIX = "suffix"
    FULL = "full"


class OnError(StrEnum):
    """The effect of a failed node on the pipeline (docs/semantics.md)."""

    STOP_ALL = "stop-all"
    STOP_NEXT = "stop-next"
    CONTINUE = "continue"
    RETRY = "retry"


class OnChildError(StrEnum):
    """The effect of a failed execution on its task node (``on-child-error`` of a Valohai task blueprint)."""

    CONTINUE_AND_COMPLETE = "continue-and-complete"
    CONTINUE_AND_ERROR = "continue-and-error"
    STOP_ALL_AND_ERROR = "stop-all-and-error"


class MergeMode(StrEnum):
    """The choice whether files from edges replace an input's defaults or are added to them."""

    REPLACE = "replace"
    APPEND = "append"


class GridKind(StrEnum):
    """The way in which the points of a grid follow from its axes."""

    PRODUCT = "product"
    ZIP = "zip"
    RANDOM = "random"
    OPTIMISER = "optimiser"
    FILES = "files"
    GROUP = "group"


class DistributionKind(StrEnum):
    """The kind of a distribution of random numbers; ``loguniform``: of numbers whose logarithm is uniform."""

    UNIFORM = "uniform"
    LOGUNIFORM = "loguniform"


class EdgeKind(StrEnum):
    """The kind of value that an edge passes."""

    ARTIFACT = "output"
    INPUT = "input"
    PARAMETER = "parameter"
    METADATA = "metadata"
    ENVIRONMENT_VARIABLE = "environment-variable"
    DEPLOYMENT = "deployment"
    FILE = "file"
    DEPENDENCY = "dependency"


class Code(StrEnum):
    """A way by which the project's files get to the workers: beside the generated file, from the store, or from Git."""

    PATH = "path"
    SNAPSHOT = "snapshot"
    GIT = "git"


class Outcome(StrEnum):
    """An outcome of a node that a route can follow."""

    COMPLETE = "complete"
    ERROR = "error"


class Event(StrEnum):
    """A moment in the life of a node at which its actions are evaluated."""

    STARTING = "node-starting"
    COMPLETE = "node-complete"
    ERROR = "node-error"


class Effect(StrEnum):
    """The effect of an action on the run."""

    NOOP = "noop"
    STOP_PIPELINE = "stop-pipeline"
    ERROR_PIPELINE = "error-pipeline"
    REQUIRE_APPROVAL = "require-approval"


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
    """An input of a step; ``default`` holds URIs, or paths relative to the project directory.

    ``on_demand``: the command downloads its files itself, if it needs them.
    """

    name: str
    span: Span
    default: tuple[str, ...] = ()
    optional: bool = False
    keep_directories: KeepDirectories = KeepDirectories.NONE
    filename: str | None = None
    description: str | None = None
    on_demand: bool = False


@dataclass(frozen=True, slots=True)
class Output:
    """A declared output of a step; undeclared outputs are published as well.

    In Loom's steps ``name`` is also that of the step's parameter which holds the path.
    """

    name: str
    span: Span
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Catalog:
    """Files that a step takes from the run's catalog before it runs, and puts there after: glob patterns.

    ``copy`` is false where only the digests of what is put are kept (runnable's ``store_copy``).
    """

    get: tuple[str, ...] = ()
    put: tuple[str, ...] = ()
    copy: bool = True


@dataclass(frozen=True, slots=True)
class Return:
    """A value that a step of runnable returns: the parameter it becomes, and ``json``, ``object`` or ``metric``."""

    name: str
    kind: str = "json"


@dataclass(frozen=True, slots=True)
class Resources:
    """The machine resources that a step requests: cores, MB, and devices by name."""

    cpu: tuple[float | None, float | None] = (None, None)
    memory: tuple[float | None, float | None] = (None, None)
    devices: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory that a step's command sees at ``target``: of the machine, or of a ``kind`` of network storage."""

    source: str
    target: str
    span: Span = field(compare=False)
    read_only: bool = False
    kind: str | None = None
    options: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Runner:
    """The runner of a step's executions, by its name, and its settings."""

    name: str
    settings: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Request:
    """A step's request for a place to run, as the source system would have met it.

    ``environment`` is a kind of machine and ``preset`` a configuration for one, by their names there; ``groups`` are of
    environment variables. ``mounts`` are directories that the command sees. ``spans`` are where the keys of the request
    stand.
    """

    environment: str | None = None
    preset: str | None = None
    groups: tuple[str, ...] = ()
    mounts: tuple[Mount, ...] = ()
    spans: Mapping[str, Span] = field(default_factory=lambda: MappingProxyType({}), compare=False)


@dataclass(frozen=True, slots=True)
class EndpointFile:
    """A file of an endpoint: its name, and its path below the server's working directory."""

    name: str
    path: str
    span: Span = field(compare=False)
    description: str | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP server of a deployment: a WSGI application, or a command that listens on ``port``.

    ``resources``, ``tolerations`` and the volumes are mappings with the keys of Valohai's schema.
    """

    name: str
    span: Span = field(compare=False)
    image: str | None = None
    wsgi: str | None = None
    server_command: tuple[str, ...] = ()
    port: int = 8000
    files: tuple[EndpointFile, ...] = ()
    description: str | None = None
    resources: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    node_selector: str | None = None
    tolerations: tuple[Mapping[str, Json], ...] = ()
    workspace_volume: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    shared_volumes: tuple[Mapping[str, Json], ...] = ()


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment as a node makes it: the endpoints of a new version, and the aliases that point to it in the end.

    ``target`` is the cluster that the source file names for the deployment, if it does.
    """

    name: str
    endpoints: tuple[Endpoint, ...] = ()
    aliases: tuple[str, ...] = ()
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """The work of one execution, with a node's override merged in; limits in seconds."""

    name: str
    span: Span
    command: tuple[str, ...]
    image: str | None = None
    parameters: tuple[Parameter, ...] = ()
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    environment: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    required_environment: tuple[str, ...] = ()
    declared_environment: tuple[str, ...] = field(default=(), compare=False)
    """The environment variables that it declares, with or without a value."""
    time_limit: float | None = None
    no_output_timeout: float | None = None
    stop_condition: str | None = None
    """A condition on metadata that ends the command, which is complete then."""
    resources: Resources | None = None
    source_path: str | None = None
    description: str | None = None
    command_span: Span | None = field(default=None, compare=False)
    item_spans: tuple[Span, ...] = field(default=(), compare=False)
    """The location of each item of the command, if it is a list."""
    kind: StepKind = StepKind.COMMAND
    catalog: Catalog = Catalog()
    returns: tuple[Return, ...] = ()
    secrets: tuple[str, ...] = ()
    options: Mapping[str, Json] = field(default_factory=lambda: MappingProxyType({}))
    """Options of one kind of step only: a predicate's terms, a notebook's output path."""
    request: Request = field(default_factory=Request)
    runner: Runner | None = None
    secret_variables: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Environment variables by name, with the name of the secret that has the value."""
    commit: str | None = None
    """The hash of the commit whose files the command sees, if not those of the project directory."""
    deployment: Deployment | None = None
    """What a step of the kind ``DEPLOYMENT`` deploys; its inputs are the files, and its runner is the deployer."""

    @property
    def settable(self) -> tuple[Parameter, ...]:
        """The parameters that can be set for a run by the node's name; in Loom only those with a name in the file."""
        return self.parameters if self.kind is StepKind.COMMAND else ()


@dataclass(frozen=True, slots=True)
class Axis:
    """The values that one parameter takes in a grid, as known when translating."""

    parameter: str
    values: tuple[Value, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class FileAxis:
    """The files that a task node runs over, one execution per file that is there at run time (Loom's ``loop``).

    ``over`` and ``into`` are parameters of the step that hold the two directories. The parameters ``items`` get the
    path of the file, and ``outputs`` the path with the same name below ``into``. ``pattern`` is a ``Path.glob`` below
    ``over``; without it all files directly in it count. ``sequential``: one execution after another; after a failed
    one, the others are skipped.
    """

    over: str
    into: str
    pattern: str | None = None
    items: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    sequential: bool = True


@dataclass(frozen=True, slots=True)
class Distribution:
    """The numbers that a search draws for a parameter, between two that are included; ``seed`` is its own."""

    minimum: float
    maximum: float
    kind: DistributionKind = DistributionKind.UNIFORM
    integers: bool = False
    seed: float | None = None


@dataclass(frozen=True, slots=True)
class Objective:
    """The aim of a search: the metadata ``metric`` comes close to ``target``; ``batch_size`` executions at a time."""

    metric: str
    target: float
    batch_size: int


@dataclass(frozen=True, slots=True)
class Search:
    """A search: ``count`` executions, with numbers of distributions for the parameters in ``space``.

    Values of axes are drawn as well, one for each execution. The same ``seed`` draws the same values. With an
    ``objective``, the values follow from the results so far.
    """

    count: int
    seed: str
    space: Mapping[str, Distribution] = field(default_factory=lambda: MappingProxyType({}))
    objective: Objective | None = None


@dataclass(frozen=True, slots=True)
class Distributed:
    """A distributed task: ``members`` executions that differ only in their rank, and start and end together.

    ``timeout``: the seconds that a member waits for the others before any of their commands starts.
    """

    members: int
    timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """The points of a task node.

    ``axes`` are those known when translating. A pipeline parameter or an edge that ends in a parameter of the task
    node gives that parameter's axis later; ``points`` (kind ZIP) are explicit parameter sets instead of axes;
    ``files`` (kind FILES) are looked for when the node starts. ``search`` (kind RANDOM or OPTIMISER) draws its
    points from the axes. ``distributed`` (kind GROUP) has no axes: all points are alike.
    """

    kind: GridKind = GridKind.PRODUCT
    axes: tuple[Axis, ...] = ()
    points: tuple[Mapping[str, Value], ...] = ()
    span: Span | None = None
    files: FileAxis | None = None
    search: Search | None = None
    distributed: Distributed | None = None

    @property
    def parameters(self) -> frozenset[str]:
        """The parameters with axes or distributions."""
        return self.drawn.union(axis.parameter for axis in self.axes)

    @property
    def drawn(self) -> frozenset[str]:
        """The parameters whose numbers a search draws from distributions."""
        return frozenset(self.search.space if self.search is not None else ())


@dataclass(frozen=True, slots=True)
class End:
    """The end of a control-flow graph, with the outcome of the graph (Magnus's ``success`` and ``fail`` nodes)."""

    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Route:
    """The continuation of a node of a control-flow graph for some outcomes: a node of the same graph, or its end."""

    outcome: Outcome
    target: str | End


@dataclass(frozen=True, slots=True)
class Gate:
    """A node runs only where this holds: the verdict of a condition node, or a pipeline parameter, is ``expected``.

    ``excludes``: if it does not hold, the node is not part of the run, as if it did not exist (Loom's optional
    steps); else it is skipped, and so are the nodes after it.
    """

    expected: bool
    node: str | None = None
    parameter: str | None = None
    excludes: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """A reaction of a node to some events: effects on the run, if all conditions hold.

    Conditions are expressions of ``leval`` (Valohai); ``spans`` are where they stand.
    """

    span: Span = field(compare=False)
    when: tuple[Event, ...]
    then: tuple[Effect, ...]
    conditions: tuple[str, ...] = ()
    spans: tuple[Span, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class ApprovalRules:
    """The rules of a node's approvals: how many seconds to wait (None: no limit), and what counts then."""

    timeout: float | None = None
    approved: bool = False


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules around a node: on error, attempts in total, concurrent executions, routes, actions, reuse, approvals.

    ``reuse``: the node's executions have the results of earlier ones that depend on the same things.
    ``stop_condition``: once it holds for the metadata of a complete execution, a task node starts no others.
    """

    on_error: OnError = OnError.STOP_ALL
    on_child_error: OnChildError | None = None
    tries: int = 1
    concurrency: int | None = None
    routes: tuple[Route, ...] = ()
    gates: tuple[Gate, ...] = ()
    actions: tuple[Action, ...] = ()
    reuse: bool = False
    approval: ApprovalRules = ApprovalRules()
    stop_condition: str | None = None


@dataclass(frozen=True, slots=True)
class ExecutionNode:
    """A step that runs once; ``group`` is a name under which an engine shows several nodes.

    ``settings`` are those that the pipeline as a whole does not have.
    """

    name: str
    span: Span
    step: Step
    policy: Policy = Policy()
    merge_mode: MergeMode = MergeMode.REPLACE
    group: str | None = None
    settings: Settings = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class TaskNode:
    """A step that runs once per point of a grid; ``settings`` as of an execution node."""

    name: str
    span: Span
    step: Step
    grid: Grid = Grid()
    policy: Policy = Policy()
    merge_mode: MergeMode = MergeMode.REPLACE
    group: str | None = None
    settings: Settings = field(default_factory=lambda: MappingProxyType({}))

    @property
    def has_axes(self) -> bool:
        """Whether a list for one of its parameters is an axis of its grid; false over files and in a group."""
        return self.grid.kind not in (GridKind.FILES, GridKind.GROUP)


@dataclass(frozen=True, slots=True)
class ApprovalNode:
    """A node that waits for a human."""

    name: str
    span: Span
    policy: Policy = Policy()


@dataclass(frozen=True, slots=True)
class ParallelNode:
    """Named sub-graphs that run in parallel; with one of them named ``dag``, a sub-graph (Magnus's ``dag``)."""

    name: str
    span: Span
    branches: Mapping[str, Graph]
    policy: Policy = Policy()


@dataclass(frozen=True, slots=True)
class MapNode:
    """One sub-graph per item of the list that the parameter ``over`` holds at run time; ``item`` names the item.

    ``reducer`` is a Python expression that puts the returned values of the items together (runnable); without it they
    become a list, in Magnus the last item's stay.
    """

    name: str
    span: Span
    body: Graph
    over: str
    item: str
    policy: Policy = Policy()
    reducer: str | None = None


@dataclass(frozen=True, slots=True)
class LoopNode:
    """A sub-graph that runs repeatedly until the parameter ``until`` is true or it has run ``limit`` times.

    ``index`` is the environment variable that holds the number of the iteration, from 0.
    """

    name: str
    span: Span
    body: Graph
    until: str
    limit: int
    policy: Policy = Policy()
    index: str | None = None


@dataclass(frozen=True, slots=True)
class ChoiceNode:
    """One of several sub-graphs, chosen while running by the value of the parameter ``on`` (runnable)."""

    name: str
    span: Span
    on: str
    cases: Mapping[str, Graph]
    policy: Policy = Policy()


Node: TypeAlias = ExecutionNode | TaskNode | ApprovalNode | ParallelNode | MapNode | LoopNode | ChoiceNode
StepNode: TypeAlias = ExecutionNode | TaskNode


@dataclass(frozen=True, slots=True)
class Port:
    """One end of an edge: ``key`` is an output pattern, or the name of an input, parameter, metadata key...

    ``written`` is the kind that the source file has, if that is another word: messages and descriptions show it.
    """

    node: str
    kind: EdgeKind
    key: str
    span: Span | None = field(default=None, compare=False)
    written: EdgeKind | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return f"{self.node}.{self.written or self.kind}.{self.key}"


@dataclass(frozen=True, slots=True)
class Edge:
    """A connection from a port of one node to a port of another; any edge also orders the nodes."""

    source: Port
    target: Port
    span: Span

    def __str__(self) -> str:
        return f"{self.source} -> {self.target}"


@dataclass(frozen=True, slots=True)
class Graph:
    """Nodes in the order of the source file, with their dependencies.

    Either ``edges`` (Valohai, Loom): nodes run as soon as they can. Or, in a *control-flow* graph (Magnus, runnable),
    ``start``: nodes run one after the other along the routes of their policies until an ``End``.
    """

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...] = ()
    start: str | None = None


@dataclass(frozen=True, slots=True)
class ParameterTarget:
    """A parameter of a node that a pipeline parameter sets."""

    node: str
    parameter: str
    span: Span | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class PipelineParameter:
    """A parameter of the whole run; without a default and without a value its targets keep their own.

    In a control-flow graph it has no targets: every step sees it, and steps write it. ``section`` is its heading in a
    form.
    """

    name: str
    span: Span
    default: Json = None
    targets: tuple[ParameterTarget, ...] = ()
    description: str | None = None
    section: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a pipeline: the nodes that run are those of its graph, and ``left_out`` are the others.

    What the nodes take from those that are left out comes from an earlier run of the whole pipeline, or of a part of
    it: from ``run``, or from the latest one. ``label`` says what runs, as in "from train". ``edges`` are all edges into
    the nodes that run, in the order of the source file, also those from nodes that are left out. ``after`` are the
    outcomes of left-out nodes that lead to the start of a control-flow graph.
    """

    label: str
    left_out: tuple[Node, ...]
    edges: tuple[Edge, ...] = ()
    run: str | None = None
    after: tuple[tuple[str, Outcome], ...] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an engine starts a pipeline on its own: at times, or once all of some assets have been updated.

    ``cron`` has five fields, as ``translator.schedules.cron`` checks them, and counts in ``timezone``, a name of the
    IANA database. With ``catchup``, runs that were missed since ``start_date`` (``2026-01-31``) are made up for.
    ``assets`` are names of assets. ``spans`` are the places of those that a file sets, by name.
    """

    cron: str | None = None
    timezone: str = "UTC"
    catchup: bool = False
    start_date: str | None = None
    spans: Mapping[str, Span] = field(default_factory=lambda: MappingProxyType({}))
    assets: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class AssetUpdate:
    """The assets that a node updates each time it is complete, by name; ``span`` is the place of the setting."""

    names: tuple[str, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A pipeline, whole or in ``part``; ``file`` is the source file's name without directories.

    ``dialect_title`` is the name of its dialect for people; without it, ``dialect`` is.
    ``concurrency``: the maximum number of concurrent nodes; with 1, they run in file order (Loom's ``execution``).
    ``settings`` are those that all its tasks share, ``workflow`` those of the workflow itself;
    ``configuration`` is the name of the file that has them. ``store`` is the artifact store, if that file names it;
    ``catalogue`` is the path of that file, relative to the project, if it has names of data for this pipeline.
    ``git_remote`` is the project's Git repository, if the file names it and a node has a ``commit``.
    ``code`` is how the project gets to the workers.
    ``project_name`` is the name of the project in the source system, ``OWNER/NAME``, if that file has one.
    ``schedule`` is when it runs on its own; ``assets`` are those that its outermost nodes update, by node.
    """

    name: str
    dialect: str
    file: str
    graph: Graph
    span: Span
    parameters: tuple[PipelineParameter, ...] = ()
    concurrency: int | None = None
    settings: Settings = field(default_factory=lambda: MappingProxyType({}))
    workflow: Settings = field(default_factory=lambda: MappingProxyType({}))
    configuration: str | None = None
    store: str | None = None
    catalogue: str | None = None
    git_remote: str | None = None
    code: Code = Code.PATH
    project_name: str | None = None
    schedule: Schedule | None = None
    assets: Mapping[str, AssetUpdate] = field(default_factory=lambda: MappingProxyType({}))
    dialect_title: str | None = None
    description: str | None = None
    part: Part | None = None

    @property
    def title(self) -> str:
        """The name of the workflow in an engine: that of the pipeline, and which part of it runs."""
        return self.name if self.part is None else f"{self.name} ({self.part.label})"

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The nodes of the outermost graph."""
        return self.graph.nodes

    @property
    def edges(self) -> tuple[Edge, ...]:
        """The edges of the outermost graph."""
        return self.graph.edges

    @property
    def incoming(self) -> tuple[Edge, ...]:
        """The edges into the nodes that run, also those from nodes that are left out."""
        return self.graph.edges if self.part is None else self.part.edges

    @property
    def earlier(self) -> tuple[Node, ...]:
        """The nodes that are left out and whose files or values others take from an earlier run."""
        if self.part is None:
            return ()
        sources = {edge.source.node for edge in self.part.edges if edge.source.kind is not EdgeKind.DEPENDENCY}
        sources |= {node for node, _ in self.part.after}
        return tuple(node for node in self.part.left_out if node.name in sources)
