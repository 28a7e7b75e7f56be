"""Pass results to downstream nodes, and take files and values from them along edges.

None of these classes is a dataclass, and each keeps its content in slots: Prefect looks for futures in whatever it
passes to a task, item by item, and would walk every file record of every execution once per mapped task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from prefect.states import Completed

from prefect_plugin.run.current import current_run
from translator.shim.contract import (
    LATEST,
    VERDICT,
    ArtifactSource,
    MetadataOf,
    Output,
    ParameterOf,
    SameInput,
    ValueSource,
)
from translator.shim.errors import TranslatorError
from translator.shim.outcome import earlier_run
from translator.shim.outcome.reasons import of_failure
from translator.shim.store import open_store

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prefect import State

    from translator.shim.contract import Manifest, Value

SourceT = TypeVar("SourceT", ArtifactSource, ValueSource)


class Edge(Generic[SourceT]):
    """An edge of the pipeline, together with the executions at its start.

    ``default`` is the value of the pipeline parameter that also sets the edge's target; it applies if the edge brings
    no value.
    """

    __slots__ = ("default", "executions", "source")

    def __init__(self, executions: Executions, source: SourceT, default: Value = None) -> None:
        self.executions = executions
        self.source: SourceT = source
        self.default = default


class Executions:
    """The complete executions of a node in grid order: an argument of its downstream nodes."""

    __slots__ = ("manifests", "node")

    run: str | None = None
    """The earlier run that they are part of, if it is not this one."""

    def __init__(self, node: str, manifests: Sequence[Manifest] = ()) -> None:
        self.node = node
        self.manifests = tuple(manifests)

    def __reduce__(self) -> tuple[Any, ...]:
        # Prefect sends the arguments of a node along with each of its executions, which have no use for the files of
        # all upstream executions: without this, what a run sends would grow with the square of its width.
        return Executions, (self.node,)

    def __repr__(self) -> str:
        return f"Executions({self.node!r}, {len(self.manifests)} complete)"

    @property
    def result(self) -> bool:
        """Return the verdict of a condition node; false if it has none."""
        return bool(self.manifests and self.manifests[-1].metadata.get(VERDICT))

    def outputs(self, pattern: str = "*") -> Edge[ArtifactSource]:
        """Take the output files whose path matches ``pattern`` (fnmatch; ``*`` crosses ``/``)."""
        return Edge(self, Output(self.node, pattern, self.run))

    def inputs(self, pattern: str) -> Edge[ArtifactSource]:
        """Take the files of those inputs whose name matches ``pattern``."""
        return Edge(self, SameInput(self.node, pattern, self.run))

    def parameter(self, name: str, *, default: Value = None) -> Edge[ValueSource]:
        """Take the value of parameter ``name``; for several executions a list, if the target accepts one."""
        return Edge(self, ParameterOf(self.node, name, self.run), default)

    def metadata(self, key: str, *, default: Value = None) -> Edge[ValueSource]:
        """Take the last value printed for ``key``; for several executions a list, if the target accepts one."""
        return Edge(self, MetadataOf(self.node, key, self.run), default)


class LeftOut(Executions):
    """A node that is not part of the run: it replaces the node's future, and edges from it bring nothing."""

    __slots__ = ()

    @property
    def state(self) -> State[Executions]:
        """The state, which is always completed."""
        return Completed(data=self)

    def wait(self, timeout: float | None = None) -> None:
        """Do nothing: the executions have ended."""


class EarlierExecutions(Executions):
    """A node that is left out of the flow: its complete executions in an earlier run, which are read on first use."""

    __slots__ = ("_read", "run")

    def __init__(self, node: str, run: str, read: Callable[[], Sequence[Manifest]]) -> None:
        self.node = node  # ``manifests`` is not set yet: see ``__getattr__``
        self.run = run
        self._read = read

    def __getattr__(self, name: str) -> Any:
        if name != "manifests":
            raise AttributeError(name)
        self.manifests = tuple(self._read())
        return self.manifests


def earlier_node(name: str, *, run: str = LATEST, may_fail: bool = False) -> EarlierExecutions:
    """Return a node that is left out of the flow, in an earlier run of the pipeline.

    Args:
        name: its name in the source file.
        run: name of the earlier run in the artifact store (default: the latest one that has ended).
        may_fail: whether it may have failed there; then its edges bring nothing.
    """
    current = current_run()
    store, pipeline, own = current.store, current.pipeline, current.id

    def read() -> Sequence[Manifest]:
        return earlier_run.manifests(open_store(store), pipeline, own, name, run, may_fail=may_fail)

    return EarlierExecutions(name, run, read)


class NodeError(TranslatorError):
    """A failed node with its complete executions.

    Prefect's ``allow_failure`` passes it to the downstream nodes of a node with ``on-error: continue``.
    """

    def __init__(self, executions: Executions) -> None:
        super().__init__(of_failure(executions.node))
        self.executions = executions

    def __reduce__(self) -> tuple[Any, ...]:
        return NodeError, (self.executions,)
