"""Define the operators that ask a person about a node: Airflow's human-in-the-loop operator, after other actions."""

from __future__ import annotations

import inspect
import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.hitl import ApprovalOperator, HITLOperator

from airflow_plugin.configuration.locations import store_address
from airflow_plugin.dataflow.actions import EndActionsOperator, StartActionsOperator, node_of
from airflow_plugin.dataflow.gate import GateOperator
from airflow_plugin.exceptions import NotStarted
from airflow_plugin.run.stopping import stop_reason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow.sdk import Context

    from translator.shim.actions.effects import Decision
    from translator.shim.contract import Action

_OPTIONS = [ApprovalOperator.APPROVE, ApprovalOperator.REJECT]


class StartApprovalOperator(StartActionsOperator, HITLOperator):
    """An operator that asks a person whether a node may start, if an action of the node requires it.

    The task waits in Airflow without a worker; people answer in *Required actions*. If they reject, the run is stopped:
    the task is skipped, and the run is a success for Airflow. Other actions are as in ``StartActionsOperator``.

    Args:
        actions: the actions, in the order of the source file.
        kwargs: of every operator, and of Airflow's ``HITLOperator``: ``assigned_users``, ``notifiers``, ``defaults``,
            ``response_timeout``.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, *, actions: Sequence[Action], **kwargs: Any) -> None:
        with _own_time_limit(self, kwargs):
            super().__init__(
                actions=actions, **{"subject": "Approve the start", "options": _OPTIONS, **_fitting(kwargs)}
            )

    def execute(self, context: Context) -> None:
        """Evaluate the actions; wait if an approval is required.

        Raises:
            NotStarted: the run is stopped, or an action stops it.
            NodeError: an action makes it fail.
        """
        ask(self, context, context_nodes=node_of(context, self.task_id).upstream, question="Start")

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:
        """Continue after the person's answer.

        Raises:
            NotStarted: the person rejected, or the run was stopped meanwhile.
        """
        self.act(context, answer(self, context, event))


class EndApprovalOperator(EndActionsOperator, HITLOperator):
    """An operator that asks a person about a node that has ended, before downstream nodes start.

    The task waits in Airflow without a worker; people answer in *Required actions*. If they reject, the run is stopped:
    the task is skipped, and the run is a success for Airflow. Other actions are as in ``EndActionsOperator``.

    Args:
        actions: the actions, in the order of the source file.
        kwargs: of ``EndActionsOperator``, and of Airflow's ``HITLOperator``: ``assigned_users``, ``notifiers``,
            ``defaults``, ``response_timeout``.
    """

    template_fields: Sequence[str] = ()

    def __init__(self, *, actions: Sequence[Action], **kwargs: Any) -> None:
        with _own_time_limit(self, kwargs):
            super().__init__(
                actions=actions, **{"subject": "Approve the result", "options": _OPTIONS, **_fitting(kwargs)}
            )

    def execute(self, context: Context) -> None:
        """Evaluate the actions; wait if an approval is required, else let the pipeline continue.

        Raises:
            NotStarted: the node did not run, or was stopped; or an action stops the run.
            NodeError: the node failed, or an action makes the run fail.
        """
        ask(self, context, context_nodes=[node_of(context, self.task_id).name], question="Continue after")
        GateOperator.execute(self, context)

    def execute_complete(self, context: Context, event: dict[str, Any]) -> None:
        """Continue after the person's answer.

        Raises:
            NotStarted: the person rejected, or the node did not run.
            NodeError: the node failed.
        """
        self.act(context, answer(self, context, event))
        GateOperator.execute(self, context)


@contextmanager
def _own_time_limit(operator: HITLOperator, arguments: Mapping[str, Any]) -> Iterator[None]:
    """Keep the time limit that a deployment has for its tasks from limiting how long the operator waits for a person.

    Airflow's operator would take it for that while the context is open, with a warning.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield
    taken = getattr(operator, "response_timeout", None)  # the oldest standard provider does not have it
    if arguments.get("response_timeout") is None and taken is not None:
        operator.execution_timeout, operator.response_timeout = taken, None


def _fitting(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of an operator as Airflow's standard provider has them.

    The oldest one has no ``response_timeout``: there, ``execution_timeout`` limits how long a person may take.
    """
    accepted = inspect.signature(HITLOperator.__init__).parameters
    if "response_timeout" in accepted or "response_timeout" not in arguments:
        return dict(arguments)
    others = {name: value for name, value in arguments.items() if name != "response_timeout"}
    return {**others, "execution_timeout": arguments["response_timeout"]}


def ask(
    operator: StartApprovalOperator | EndApprovalOperator,
    context: Context,
    *,
    context_nodes: Sequence[str],
    question: str,
) -> None:
    """Evaluate the actions of an operator, and wait for a person if an approval is required.

    Args:
        operator: the operator.
        context: of its task.
        context_nodes: the nodes whose results the person sees.
        question: the beginning of the question, before the name of the node.
    """
    from translator.shim import variables
    from translator.shim.actions import terminal
    from translator.shim.actions.effects import UndecidedError, approval_given, undecided

    node = node_of(context, operator.task_id)
    preset = approval_given(node.name, os.environ.get(variables.APPROVED))
    subject = f"{question} {node.name}?"

    def decide() -> Decision:
        if preset is not None:
            return preset
        if not terminal.answers():
            return undecided()
        try:
            return terminal.ask(subject, _body(context, context_nodes), stop_reason(context))
        except UndecidedError as error:
            raise NotStarted(f"not started: {error}") from error

    try:
        operator.act(context, decide)
    except UndecidedError:
        operator.subject = subject
        operator.body = _body(context, context_nodes)
        HITLOperator.execute(operator, context)


def answer(
    operator: StartApprovalOperator | EndApprovalOperator, context: Context, event: dict[str, Any]
) -> Callable[[], Decision]:
    """Return the function that returns a person's decision.

    Args:
        operator: the operator.
        context: of its task.
        event: the answer, as Airflow passes it.
    """
    from translator.shim.actions.effects import Decision

    reply = HITLOperator.execute_complete(operator, context, event)
    if event.get("timedout"):
        operator.log.warning("nobody answered in time: it counts as %s", " ".join(reply["chosen_options"]))
    user = reply.get("responded_by_user") or {}
    by = user.get("name") if isinstance(user, dict) else getattr(user, "name", None)
    decision = Decision(reply["chosen_options"] == [ApprovalOperator.APPROVE], by)
    return lambda: decision


def _body(context: Context, nodes: Sequence[str]) -> str:
    """Return what there is to decide on: parameters, metadata and outputs of the complete executions of some nodes."""
    from airflow_plugin.dataflow.upstream import upstream_manifests
    from translator.shim.actions.review import Reviewed, markdown
    from translator.shim.store import open_store
    from translator.shim.store.manifest import summary

    store = open_store(store_address(context["dag"].default_args))
    shown = []
    for name, manifests in upstream_manifests(context, nodes, store).items():
        for manifest in manifests:
            short = summary(manifest)
            files = [(file.path, file.size) for file in manifest.outputs]
            shown.append(Reviewed(name, manifest.id.index, short["parameters"], short["metadata"], files))
    return markdown(shown)
