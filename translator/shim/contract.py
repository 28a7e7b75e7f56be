"""Define the value types that generated files use and engines pass on.

Generated files construct these, so constructing one is cheap and importing this module loads nothing else of ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - users of Context may read its type hints
from typing import Literal, TypeAlias

Scalar: TypeAlias = str | int | float | bool | None
Value: TypeAlias = Scalar | Sequence[Scalar]
Json: TypeAlias = "Scalar | Sequence[Json] | Mapping[str, Json]"

Dialect: TypeAlias = str
"""The name of a source language (``translator.shim.dialects``)."""
DEFAULT_DIALECT: Dialect = "valohai"
"""The default dialect of steps."""
VERDICT = "result"
"""The metadata key that holds the verdict of a condition."""
INPUTS_SECTION = "inputs"
"""In an engine's form, an input is called ``NODE.inputs.INPUT``."""
StepKind: TypeAlias = Literal[
    "command", "script", "condition", "collect", "python", "shell", "notebook", "stub", "deployment"
]
"""The kind of a step's command (see ``translator.ir.StepKind``)."""


class State(StrEnum):
    """The final state of an execution, a node or a run (docs/semantics.md)."""

    COMPLETE = "complete"
    ERROR = "error"
    STOPPED = "stopped"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a step, in Valohai's terms."""

    name: str
    type: Literal["string", "integer", "float", "flag"] = "string"
    default: Value = None
    optional: bool = False
    minimum: float | None = None
    maximum: float | None = None
    choices: Sequence[Scalar] = ()
    multiple: Literal["repeat", "separate"] | None = None
    separator: str = ","
    pass_as: str | None = None
    pass_true_as: str | None = None
    pass_false_as: str | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """An input of a step; ``default`` holds URIs, or paths relative to the project directory.

    ``on_demand``: the command downloads its files itself, if it needs them.
    """

    name: str
    default: Sequence[str] = ()
    optional: bool = False
    keep_directories: Literal["none", "suffix", "full"] = "none"
    filename: str | None = None
    on_demand: bool = False


@dataclass(frozen=True, slots=True)
class Catalog:
    """Glob patterns of files that a step gets from the run's catalog before it runs, and puts there afterwards.

    ``copy`` is false if only the digests of these files are kept.
    """

    get: Sequence[str] = ()
    put: Sequence[str] = ()
    copy: bool = True


@dataclass(frozen=True, slots=True)
class FileAxis:
    """The files that a step runs over, once per file that is there when its node starts (Loom's ``loop``).

    ``over`` and ``into`` are parameters of the step that hold the two directories. The parameters ``items`` get the
    path of the file, and ``outputs`` the path with the same name below ``into``. ``pattern`` is a ``Path.glob`` below
    ``over``; without it all files directly in it count. ``sequential``: one execution after another; after a failed
    one, the others are skipped.
    """

    over: str
    into: str
    pattern: str | None = None
    items: Sequence[str] = ()
    outputs: Sequence[str] = ()
    sequential: bool = True


@dataclass(frozen=True, slots=True)
class Distribution:
    """The numbers that a search draws for a parameter: between ``minimum`` and ``maximum``, both included.

    ``loguniform``: the logarithm of the number is uniform. ``integers``: only integers. ``seed`` is the
    parameter's own; without one, it follows from that of the search.
    """

    minimum: float
    maximum: float
    kind: Literal["uniform", "loguniform"] = "uniform"
    integers: bool = False
    seed: float | None = None


@dataclass(frozen=True, slots=True)
class Objective:
    """The aim of a search: the metadata ``metric`` of an execution is as close to ``target`` as possible.

    ``batch_size`` executions run at a time; those of the next batch have values that follow from all results.
    """

    metric: str
    target: float
    batch_size: int


@dataclass(frozen=True, slots=True)
class Search:
    """A search over the parameters of a step: ``count`` executions, each with values that are drawn at random.

    ``space`` has the parameters whose values are numbers of a distribution. Of the others, one of the values in the
    grid is drawn. The same ``seed`` draws the same values (``translator.shim.parameters.search``). With an
    ``objective``, the search is a Bayesian one (``translator.shim.parameters.bayesian``).
    """

    count: int
    seed: str
    space: Mapping[str, Distribution] = field(default_factory=dict)
    objective: Objective | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of an execution for a search: the values of its parameters, and its metric if it is complete."""

    parameters: Mapping[str, Value]
    metric: object = None


@dataclass(frozen=True, slots=True)
class Distributed:
    """A distributed task: ``members`` executions of a step that cooperate. They start together and end together.

    ``timeout`` is how many seconds a member waits for the others before any of their commands starts.
    """

    members: int
    timeout: float = 600.0


@dataclass(frozen=True, slots=True)
class Resources:
    """The resources that an execution needs: CPU cores, memory in MB, and devices by name; None means no limit."""

    cpu: float | None = None
    memory: int | None = None
    devices: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Runner:
    """The runner that makes the place of a step's executions, by its name, and its settings."""

    name: str
    settings: Mapping[str, Json] = field(default_factory=dict)


def runner(name: str, **settings: Json) -> Runner:
    """Return the runner ``name`` with ``settings`` (``translator.shim.runners``)."""
    return Runner(name, settings)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An HTTP server of a deployment: a WSGI application, or a command that listens on ``port``.

    ``files`` are the paths of its files below its working directory, by their names. The other fields are for deployers
    that run containers; their mappings have the keys of Valohai's schema.
    """

    name: str
    image: str | None = None
    wsgi: str | None = None
    server_command: Sequence[str] = ()
    port: int = 8000
    files: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, Json] = field(default_factory=dict)
    node_selector: str | None = None
    tolerations: Sequence[Mapping[str, str]] = ()
    workspace_volume: Mapping[str, Json] = field(default_factory=dict)
    shared_volumes: Sequence[Mapping[str, Json]] = ()


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment as a step makes it: the endpoints of a new version, and the aliases that point to it in the end."""

    name: str
    endpoints: Sequence[Endpoint] = ()
    aliases: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """The work of one execution; limits in seconds; ``source`` is the ``file:line`` that messages cite.

    ``stop_condition`` is an expression of ``leval`` over metadata: once it holds, the command is ended, and the
    execution is complete.
    ``dialect`` is the source language; in a control-flow graph, the graph names it for its steps (``in_dialect``).
    ``outputs`` are the parameters that hold the paths of a Loom script's outputs. ``catalog``, ``returns`` (by
    parameter ``json``, ``object`` or ``metric``) and ``secrets`` (environment variables) are those of a step of Magnus
    or runnable. ``options`` are those of one kind of step only. ``runner`` is where it runs, if not as a process of the
    worker. ``secret_variables`` are environment variables by name, with the name of the secret that has the value.
    ``commit`` is the hash of the commit of the project's repository whose files the command sees, if not those of the
    project directory. ``requested_environment`` is the kind of machine that the source file asks for. A step with a
    ``deployment`` has no command: ``runner`` is its deployer (``translator.shim.deployers``). ``distributed``: its
    executions are one group (``translator.shim.distributed``).
    """

    name: str
    command: Sequence[str] = ()
    image: str | None = None
    parameters: Sequence[Parameter] = ()
    inputs: Sequence[Input] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    required_environment: Sequence[str] = ()
    time_limit: float | None = None
    no_output_timeout: float | None = None
    stop_condition: str | None = None
    source_path: str | None = None
    source: str | None = None
    dialect: Dialect = DEFAULT_DIALECT
    kind: StepKind = "command"
    outputs: Sequence[str] = ()
    catalog: Catalog = Catalog()
    returns: Mapping[str, Literal["json", "object", "metric"]] = field(default_factory=dict)
    secrets: Sequence[str] = ()
    options: Mapping[str, Json] = field(default_factory=dict)
    files: FileAxis | None = None
    resources: Resources = Resources()
    runner: Runner | None = None
    secret_variables: Mapping[str, str] = field(default_factory=dict)
    commit: str | None = None
    requested_environment: str | None = None
    deployment: Deployment | None = None
    distributed: Distributed | None = None

    def in_dialect(self, dialect: Dialect) -> Step:
        """Return the step in the source language of its pipeline, unless it names another."""
        return self if self.dialect != DEFAULT_DIALECT else replace(self, dialect=dialect)

    def located(self, reason: str) -> str:
        """Return a reason, preceded by the location of the step."""
        return f"{self.source}: {reason}" if self.source else reason


def deployer(name: str, **settings: Json) -> Runner:
    """Return the deployer ``name`` with ``settings`` (``translator.shim.deployers``)."""
    return Runner(name, settings)


def deployment(  # noqa: PLR0913 - all but the first are keywords
    name: str,
    *,
    endpoints: Sequence[Endpoint] = (),
    aliases: Sequence[str] = (),
    deployer: Runner | None = None,
    environment: Mapping[str, str] | None = None,
    optional_files: Sequence[str] = (),
    source: str | None = None,
) -> Step:
    """Return the step that deploys a new version.

    Its inputs are the files of the endpoints, ``ENDPOINT.FILE``.

    Args:
        name: the name of the deployment.
        endpoints: the servers of the version.
        aliases: the names that point to the version once its servers are healthy.
        deployer: what runs the servers, if not processes on the worker's machine.
        environment: environment variables of the servers.
        optional_files: the files that no edge brings, ``ENDPOINT.FILE``.
        source: the ``file:line`` that messages cite.
    """
    files = [f"{one.name}.{file}" for one in endpoints for file in one.files]
    return Step(
        name=name,
        kind="deployment",
        inputs=[Input(file, optional=file in optional_files) for file in files],
        environment=environment or {},
        source=source,
        runner=deployer,
        deployment=Deployment(name, endpoints, aliases),
    )


Event: TypeAlias = Literal["node-starting", "node-complete", "node-error"]
"""A moment in the life of a node: it may start, it is complete, it has failed after its last attempt."""
Effect: TypeAlias = Literal["noop", "stop-pipeline", "error-pipeline", "require-approval"]
"""An effect of an action: none, the run is stopped, it is stopped and fails, or a person decides whether it stops."""


@dataclass(frozen=True, slots=True)
class Action:
    """An action of a node: at an event (``when``), if a condition holds, something happens to the run (``then``).

    Conditions are expressions of ``leval`` over ``metadata.KEY`` and ``parameter.NAME``; of several, all must hold.
    """

    when: Event | Sequence[Event]
    then: Effect | Sequence[Effect]
    condition: str | Sequence[str] = ()


LATEST = "latest"
"""The name of the latest earlier run."""


@dataclass(frozen=True, slots=True)
class Output:
    """An edge that brings the files of complete executions whose path matches ``pattern`` (fnmatch).

    Of this and all other edges, ``run`` names the earlier run that ``source`` was part of, if it is not part of this.
    ``may_fail``: the edge brings what there is if ``source`` failed there, because its ``on-error`` lets others run.
    """

    source: str
    pattern: str = "*"
    run: str | None = None
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class SameInput:
    """An edge that brings the files of those inputs of an upstream execution that match ``pattern``."""

    source: str
    pattern: str
    run: str | None = None
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class ParameterOf:
    """An edge that brings the value of a parameter of an upstream execution."""

    source: str
    name: str
    run: str | None = None
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class MetadataOf:
    """An edge that brings the last value of a metadata key of an upstream execution."""

    source: str
    key: str
    run: str | None = None
    may_fail: bool = False


ArtifactSource: TypeAlias = Output | SameInput
ValueSource: TypeAlias = ParameterOf | MetadataOf


def output(source: str, pattern: str = "*") -> Output:
    """Return the outputs of ``source`` that match ``pattern``."""
    return Output(source, pattern)


def same_input(source: str, pattern: str) -> SameInput:
    """Return the files of those inputs of ``source`` that match ``pattern``."""
    return SameInput(source, pattern)


def parameter(source: str, name: str) -> ParameterOf:
    """Return the value of parameter ``name`` of ``source``."""
    return ParameterOf(source, name)


def metadata(source: str, key: str) -> MetadataOf:
    """Return the last value that ``source`` printed for metadata ``key``."""
    return MetadataOf(source, key)


@dataclass(frozen=True, slots=True)
class After:
    """A place in a control-flow graph: after the node ``name`` ended with ``outcome``, in this or an earlier run."""

    name: str
    outcome: Literal["complete", "error"]
    run: str | None = None


def complete(name: str) -> After:
    """Return a link that is taken if ``name`` is complete."""
    return After(name, "complete")


def failed(name: str) -> After:
    """Return a link that is taken if ``name`` fails."""
    return After(name, "error")


NodeKind: TypeAlias = Literal["execution", "task", "parallel", "map", "loop", "choice"]
"""The kinds of nodes; those after ``task`` are composite: they have branches."""


@dataclass(frozen=True, slots=True)
class ExecutionId:
    """The identity of an execution; ``index`` counts from 0 in grid order, ``attempt`` from 1.

    For a node in a branch, ``node`` is its path: ``parallel.branch.node``; in a map or a loop, an index replaces the
    branch's name. The fan-in of a composite node counts as its execution.
    """

    pipeline: str
    run: str
    node: str
    index: int = 0
    attempt: int = 1
    kind: NodeKind = "execution"


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection of the engine: an address with its credentials."""

    host: str | None = None
    login: str | None = None
    password: str | None = field(default=None, repr=False)
    port: int | None = None
    extra: Mapping[str, Json] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """The URI of an artifact store, and options of its file system, which may hold credentials.

    Without options, the file system looks for credentials itself, for example in the worker's environment.
    """

    uri: str
    options: Mapping[str, Json] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Context:
    """The engine's part of an execution.

    ``store`` is the artifact store, with credentials if the engine has them; ``project`` the directory of the source
    file, or what is fetched in its place (``translator.shim.code``).
    ``log`` receives each line of the command's output, without its line end, as it appears. ``should_stop`` is
    asked from the calling thread, before the command starts and then about once a second; it returns why the execution
    must stop, or None. ``secret`` is asked, from any thread, for secrets that the worker's environment does not have:
    it looks one up by its name in the engine's own store, None stands for none. ``claimed`` is told, before the command
    starts, the URI that the manifest of this try will have: the engine remembers it, however the execution ends.
    ``claims_reused``: also that of an execution that has the results of an earlier one, instead of a command.
    ``out_of_time`` are exceptions by which the engine says that the execution took too long: then it failed, and was
    not cancelled. ``connection`` looks up one of the engine's connections by its name. ``mask`` tells the engine to
    hide a value in its own logs. ``catalogue`` is the configuration file with the names of data, if there is one,
    relative to the project.
    ``input_connections`` are the names of connections with the credentials for inputs, by the start of their addresses.
    ``git_remote`` is the repository from which commits are fetched that the project's repository lacks.
    ``project_name`` is that in the source system, ``OWNER/NAME``, if the settings have it. ``creator`` is who or what
    started the run, as the engine names it. ``resumes`` is the run, this or an earlier one, whose complete executions
    are kept if their step, parameters and inputs are the same; ``rejects``: not the last of this one, which a person
    marked as failed if its command was complete. ``reuse``: the results of any earlier execution are used
    if it depends on the same things (``translator.shim.reuse``). ``round`` names the engine's current attempt at the
    run. ``ended_members`` is asked while the members of a distributed task wait for each other: it returns those that
    have ended and that the engine does not start again, each with its state in the engine.
    """

    id: ExecutionId
    store: str | StoreAddress
    project: str | Path
    engine: Literal["airflow", "prefect"]
    log: Callable[[str], None]
    should_stop: Callable[[], str | None] = field(default=lambda: None)
    secret: Callable[[str], str | None] = field(default=lambda _: None)
    claimed: Callable[[str], None] = field(default=lambda _: None)
    claims_reused: bool = True
    out_of_time: tuple[type[BaseException], ...] = ()
    connection: Callable[[str], Connection | None] = field(default=lambda _: None)
    mask: Callable[[str], None] = field(default=lambda _: None)
    catalogue: str | Path | None = None
    project_name: str | None = None
    creator: str | None = None
    input_connections: Mapping[str, str] = field(default_factory=dict)
    git_remote: str | None = None
    resumes: str | None = None
    rejects: bool = False
    reuse: bool = False
    round: str = ""
    ended_members: Callable[[], Mapping[int, str]] = field(default=dict)


@dataclass(frozen=True, slots=True)
class FileRecord:
    """A file of an execution: its path below its outputs (or input) directory, size in bytes, digest and location.

    ``uri`` is a URI, or for a default of an input a path relative to the project directory. ``stamp`` identifies the
    state of the file when its digest was computed (see ``translator.shim.files.digest``), empty if nothing does.
    ``masked_path`` is the path with masked secrets, if it contains any. ``properties`` are what the step that wrote the
    file says of it, such as its tags.
    """

    path: str
    size: int
    sha256: str
    uri: str
    stamp: str = ""
    masked_path: str = ""
    properties: Mapping[str, Json] = field(default_factory=dict, hash=False)

    def document(self) -> dict[str, object]:
        """Return the entry of the file in ``run.json``."""
        return {"path": self.masked_path or self.path, "size": self.size, "sha256": self.sha256}


@dataclass(frozen=True, slots=True)
class NamedData:
    """A name of data, with what it stood for when an execution used it.

    ``written`` is the name as the input has it, ``name`` that after all aliases: ``dataset://images/v3``. ``source`` is
    the catalogue that knew it. ``path`` of the files is that below the input's directory.
    """

    written: str
    name: str
    source: str
    files: Sequence[FileRecord]

    def document(self) -> dict[str, object]:
        """Return the entry of the name in ``run.json``."""
        return {"written": self.written, "name": self.name, "files": [file.document() for file in self.files]}


@dataclass(frozen=True, slots=True)
class InputFiles:
    """The files that edges pass to one input of a step (``translator.shim.inputs.edges.files``).

    ``files`` come from upstream executions; ``path`` is their path there. ``defaults`` are the step's own URIs that
    are used as well. If the input stays empty, ``edges`` and ``available`` tell the user what was required and what
    existed; ``warnings`` are lines for the log. ``folders`` are the empty directories of upstream executions, ``ran``
    the upstream nodes with a complete execution. ``launched``: the run was given the defaults when it started.
    """

    files: Sequence[FileRecord] = ()
    defaults: Sequence[str] = ()
    edges: Sequence[str] = ()
    available: Sequence[str] = ()
    warnings: Sequence[str] = ()
    folders: Sequence[str] = ()
    ran: Sequence[str] = ()
    launched: bool = False


class Pickle(dict[str, "Json"]):
    """A parameter whose value is not JSON (runnable's ``kind: object``): a pickle in the catalog.

    Shown as ``{"$object": "<path in the catalog>"}``. It has its own type, so that a parameter with such a dictionary
    as its value stays a dictionary.
    """

    MARK = "$object"

    @classmethod
    def at(cls, path: str) -> Pickle:
        """Return the parameter whose pickle is at ``path`` in the catalog."""
        return cls({cls.MARK: path})

    @property
    def path(self) -> str:
        """The path of the pickle in the catalog."""
        return str(self[self.MARK])


@dataclass(frozen=True, slots=True)
class Scope:
    """The parameters that a node of a control-flow graph (Magnus, runnable) sees, and those that it passes on.

    ``inherited`` are the parameters at the start of the enclosing graph, ``written`` those written in this graph
    since; ``found`` and ``put`` are the same for files of the catalog, by path. ``items`` are the items of the
    enclosing maps by name, the outermost first; ``loops`` are the iterations of the enclosing loops, by their
    environment variables.
    """

    inherited: Mapping[str, Json] = field(default_factory=dict)
    written: Mapping[str, Json] = field(default_factory=dict)
    found: Mapping[str, FileRecord] = field(default_factory=dict)
    put: Mapping[str, FileRecord] = field(default_factory=dict)
    items: Mapping[str, Json] = field(default_factory=dict)
    loops: Mapping[str, int] = field(default_factory=dict)

    @property
    def parameters(self) -> dict[str, Json]:
        """All parameters that the node sees."""
        return {**self.inherited, **self.written}

    @property
    def catalog(self) -> dict[str, FileRecord]:
        """All files of the catalog that the node sees, by path."""
        return {**self.found, **self.put}


@dataclass(frozen=True, slots=True)
class ReuseKey:
    """The parts that the results of an execution depend on, and the digest of all parts and of its parameters.

    Without a digest, the results cannot be reused; ``unknown`` says why. ``enabled``: the execution could reuse those
    of another.
    """

    parts: Mapping[str, Json]
    digest: str = ""
    unknown: str = ""
    enabled: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """The record of a finished execution; its JSON is the commit point of the outputs.

    ``begun`` is false for an execution that was stopped before its try began; ``image`` is that of the step.
    ``scope`` is passed to the next node of a control-flow graph: with the node's own values if it is complete,
    unchanged if it failed. ``folders`` are the outputs' empty directories, ``data`` the names of data in the inputs.
    ``reused`` is the URI of the manifest whose results these are, if the command did not run again. ``step`` is the
    name of the step, and ``key`` what its results depend on, if that is recorded for its dialect.
    ``infrastructure``: an error is due to the worker or the store, not to the command. The document does not have it:
    only the engine that ran the execution asks.
    """

    id: ExecutionId
    state: State
    parameters: Mapping[str, Value]
    metadata: Mapping[str, object]
    inputs: Mapping[str, Sequence[FileRecord]]
    outputs: Sequence[FileRecord]
    started: str
    ended: str
    exit_status: int | None = None
    reason: str | None = None
    uri: str = ""
    begun: bool = True
    image: str | None = None
    scope: Scope | None = None
    folders: Sequence[str] = ()
    data: Sequence[NamedData] = ()
    reused: str = ""
    step: str = ""
    key: ReuseKey | None = None
    infrastructure: bool = field(default=False, compare=False)
