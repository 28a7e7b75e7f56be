"""Pass results to downstream nodes, and take files and values from them along edges.

None of these classes is a dataclass, and each keeps its content in slots: Prefect looks for futures in whatever it
passes to a task, item by item, and would walk every file record of every execution once per mapped task.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from prefect.states import Completed

from translator.shim.contract import VERDICT, ArtifactSource, ValueSource, metadata, output, parameter, same_input
from translator.shim.errors import TranslatorError
from translator.shim.outcome.reasons import of_failure

if TYPE_CHECKING:
    from collections.abc import Sequence

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

    def __init__(self, node: str, manifests: Sequence[Manifest] = ()) -> None:
        self.node = node
        self.manifests = tuple(manifests)

    def __repr__(self) -> str:
        return f"Executions({self.node!r}, {len(self.manifests)} complete)"

    @property
    def result(self) -> bool:
        """Return the verdict of a condition node; false if it has none."""
        return bool(self.manifests and self.manifests[-1].metadata.get(VERDICT))

    def outputs(self, pattern: str = "*") -> Edge[ArtifactSource]:
        """Take the output files whose path matches ``pattern`` (fnmatch; ``*`` crosses ``/``)."""
        return Edge(self, output(self.node, pattern))

    def inputs(self, pattern: str) -> Edge[ArtifactSource]:
        """Take the files of those inputs whose name matches ``pattern``."""
        return Edge(self, same_input(self.node, pattern))

    def parameter(self, name: str, *, default: Value = None) -> Edge[ValueSource]:
        """Take the value of parameter ``name``; for several executions a list, if the target accepts one."""
        return Edge(self, parameter(self.node, name), default)

    def metadata(self, key: str, *, default: Value = None) -> Edge[ValueSource]:
        """Take the last value printed for ``key``; for several executions a list, if the target accepts one."""
        return Edge(self, metadata(self.node, key), default)


class LeftOut(Executions):
    """A node that is not part of the run: it replaces the node's future, and edges from it bring nothing."""

    __slots__ = ()

    @property
    def state(self) -> State[Executions]:
        """The state, which is always completed."""
        return Completed(data=self)

    def wait(self, timeout: float | None = None) -> None:
        """Do nothing: the executions have ended."""


class NodeError(TranslatorError):
    """A failed node with its complete executions.

    Prefect's ``allow_failure`` passes it to the downstream nodes of a node with ``on-error: continue``.
    """

    def __init__(self, executions: Executions) -> None:
        super().__init__(of_failure(executions.node))
        self.executions = executions
