"""Refer to nodes in a DAG file by the variable that holds their task or task group.

A node has the display name of its task or task group, so a DAG file contains each name once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from airflow_plugin.dag.conditions import Condition
from airflow_plugin.parameters.dag_params import ParamReference
from translator.shim.contract import LATEST, After, MetadataOf, Output, ParameterOf, SameInput

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, TaskGroup
    from airflow.sdk.definitions.mappedoperator import MappedOperator

    Node: TypeAlias = BaseOperator | MappedOperator | TaskGroup


@dataclass(frozen=True, slots=True)
class EarlierNode:
    """A node that is left out of the DAG; an earlier run of the pipeline has its files and values."""

    name: str
    run: str = LATEST
    may_fail: bool = False


def earlier_node(name: str, *, run: str = LATEST, may_fail: bool = False) -> EarlierNode:
    """Return a node that is left out of the DAG, in an earlier run of the pipeline.

    Args:
        name: its name in the source file.
        run: name of the earlier run in the artifact store (default: the latest one that has ended).
        may_fail: whether it may have failed there; then its edges bring nothing.
    """
    return EarlierNode(name, run, may_fail)


def name_of(node: Node) -> str:
    """Return the name of the node that a task or a task group represents, as defined or as Airflow stores it."""
    either: Any = node  # stored tasks and groups have other classes
    if hasattr(node, "task_id"):
        return _short_name(str(either.task_id), either.task_display_name)
    return _short_name(str(either.group_id), either.group_display_name)


def _short_name(own_id: str, display_name: str | None) -> str:
    """Return the display name of a task or a group, else its id without the enclosing groups.

    Args:
        own_id: id of the task or the group.
        display_name: its display name, which Airflow sets to the id if there is none.
    """
    return display_name if display_name and display_name != own_id else own_id.rpartition(".")[2]


def output(node: Node | EarlierNode, pattern: str = "*") -> Output:
    """Return an edge that brings the outputs of ``node`` that match ``pattern``."""
    return Output(*_source(node, pattern))


def same_input(node: Node | EarlierNode, pattern: str) -> SameInput:
    """Return an edge that brings the files of those inputs of ``node`` that match ``pattern``."""
    return SameInput(*_source(node, pattern))


def parameter(node: Node | EarlierNode, name: str) -> ParameterOf:
    """Return an edge that brings the value of parameter ``name`` of ``node``."""
    return ParameterOf(*_source(node, name))


def metadata(node: Node | EarlierNode, key: str) -> MetadataOf:
    """Return an edge that brings the last value that ``node`` printed for metadata ``key``."""
    return MetadataOf(*_source(node, key))


def _source(node: Node | EarlierNode, key: str) -> tuple[str, str, str | None, bool]:
    """Return what an edge carries: its node, the key there, the earlier run, if any, and whether the node may fail."""
    if isinstance(node, EarlierNode):
        return node.name, key, node.run, node.may_fail
    return name_of(node), key, None, False


def is_true(condition: Node | ParamReference) -> Condition:
    """Require that a condition node is true, or that a DAG param is true."""
    return Condition(_subject(condition), expected=True)


def is_false(condition: Node | ParamReference) -> Condition:
    """Require that a condition node is false, or that a DAG param is false."""
    return Condition(_subject(condition), expected=False)


def complete(node: Node | EarlierNode) -> After:
    """Return the outcome that ``node`` is complete."""
    return _after(node, "complete")


def failed(node: Node | EarlierNode) -> After:
    """Return the outcome that ``node`` failed."""
    return _after(node, "error")


def _after(node: Node | EarlierNode, outcome: Literal["complete", "error"]) -> After:
    return After(node.name, outcome, node.run) if isinstance(node, EarlierNode) else After(name_of(node), outcome)


def _subject(condition: Node | ParamReference) -> str | ParamReference:
    return condition if isinstance(condition, ParamReference) else name_of(condition)
