"""Ask a person about a node: a subflow pauses itself with a form, while other nodes continue."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from uuid import UUID, uuid5

from prefect import State, flow, get_client, get_run_logger
from prefect.blocks.core import Block
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterParentFlowRunId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import StateType
from prefect.client.schemas.responses import SetStateStatus
from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.input import RunInput, keyset_from_paused_state
from prefect.states import Cancelled, Completed, Paused
from prefect.utilities.urls import url_for

from prefect_plugin.exceptions import OutsideRunError
from prefect_plugin.run.current import current_run
from prefect_plugin.run.stopping import Cause
from prefect_plugin.tasks.display_names import flat
from translator.shim import variables
from translator.shim.actions import terminal
from translator.shim.actions.effects import Decision, UndecidedError, approval_given
from translator.shim.actions.review import Reviewed, markdown
from translator.shim.contract import State as Outcome
from translator.shim.errors import TranslatorError
from translator.shim.store.manifest import summary

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence

    from prefect.client.orchestration import SyncPrefectClient

    from prefect_plugin.run.approval_rules import ApprovalRules
    from prefect_plugin.run.run_state import NodeRun
    from prefect_plugin.run.stopping import Stop
    from translator.shim.contract import Event

POLL_SECONDS = 2.0
"""The interval at which a run looks whether a person has answered."""
GRACE_SECONDS = 60
"""How much longer than the run waits the server accepts an answer."""
_NAMESPACE = UUID("0c1f6a3e-52f1-4a53-9d0e-7f3a5f0f2b61")
"""The namespace of the keys of approvals (RFC 9562)."""
_STAYS_OPEN = (Cause.SUSPEND, Cause.REPLACED)
"""The stops after which another process of the same flow run waits for the answer."""


class ApprovalError(TranslatorError):
    """An approval that nobody can be asked for."""


class Approval(RunInput):
    """The form of an approval."""

    approve: bool


@flow(name="approval", flow_run_name="{question}", retries=0, persist_result=False)
def approval(  # noqa: PLR0913 - what a person sees of it
    question: str, text: str, *, timeout_seconds: float, default: str, notification_blocks: list[str], key: str
) -> bool | State[Any]:
    """Pause until a person has answered the form; return whether the person approves.

    Prefect's own ``pause_flow_run`` continues to wait if somebody cancels the flow run, or if the run stops.

    Args:
        question: the question, which is the name of the flow run.
        text: what there is to decide on, in Markdown.
        timeout_seconds: how long it waits.
        default: what counts after that, ``approve`` or ``reject``.
        notification_blocks: the blocks that notify people, as ``TYPE/NAME``.
        key: distinguishes it from other approvals of the run, whatever process asks.

    Returns:
        The answer, or a Cancelled state with the reason why there is none.

    Raises:
        ApprovalError: the server refuses to pause the flow run.
        OutsideRunError: it is not called in a run.
        Pause: the run was suspended; the approval stays open.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise OutsideRunError("approvals are asked for in a flow run")
    flow_run = context.flow_run.id
    form = Approval.with_initial_data(description=f"# {question}\n\n{text}", approve=False)
    # The server refuses answers after this time; a moment later than the run stops waiting.
    paused: State[Any] = Paused(timeout_seconds=int(timeout_seconds + GRACE_SECONDS), pause_key=key)
    keyset = keyset_from_paused_state(paused)
    paused.state_details.run_input_keyset = dict(keyset)  # type: ignore[arg-type]  # its keys are literals
    with get_client(sync_client=True) as client:
        if client.set_flow_run_state(flow_run, paused).status is not SetStateStatus.ACCEPT:
            raise ApprovalError("Prefect's server does not pause the approval")
        form.save(keyset, flow_run)  # not before: a flow run that pauses loses its forms
        _notify(notification_blocks, question, url_for("flow-run", obj_id=flow_run))
        return _answer(client, flow_run, paused, timeout_seconds, default)


def _answer(
    client: SyncPrefectClient, flow_run: UUID, paused: State[Any], timeout_seconds: float, default: str
) -> bool | State[Any]:
    """Wait for the answer to an approval; see ``approval``."""
    stop = current_run().stop
    try:
        reason = _await_answer(client, flow_run, stop, timeout_seconds)
    except TimeoutError:
        get_run_logger().warning("nobody answered in time: it counts as %s", default)
        return default == "approve"
    if reason is None:
        return cast("Approval", Approval.load(keyset_from_paused_state(paused), flow_run)).approve
    if stop.cause in _STAYS_OPEN:
        raise Pause(reason)
    return Cancelled(message=reason)


def _notify(blocks: Sequence[str], question: str, url: str | None) -> None:
    """Tell people of an approval to give; what they decide on is only in Prefect."""
    for name in blocks:
        try:
            sent = cast("Any", Block.load(name)).notify(url or question, subject=question)
            if inspect.isawaitable(sent):  # of a block whose author knows only asynchronous code
                asyncio.run(cast("Coroutine[Any, Any, None]", sent))
        except Exception as error:  # noqa: BLE001 - whatever fails, people can still answer
            get_run_logger().warning("the block %s notified nobody: %s", name, error)


def _await_answer(client: SyncPrefectClient, flow_run: UUID, stop: Stop, seconds: float) -> str | None:
    """Wait until an approval is answered; return None, or the reason why it is not.

    Raises:
        TimeoutError: nobody answered in time.
    """
    deadline = time.monotonic() + max(seconds, 2 * POLL_SECONDS)
    while time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        if stop.reason is not None:
            return stop.reason
        try:
            state = client.read_flow_run(flow_run).state
        except Exception as error:  # noqa: BLE001 - whatever the network does, the next poll may work
            get_run_logger().debug("cannot ask whether the approval is answered: %s", error)
            continue
        if state is not None and state.is_running():
            return None
        if state is None or not state.is_paused():
            return f"somebody set it to {state.name if state is not None else 'no state'}"
    raise TimeoutError


def decide(node: NodeRun, event: Event) -> Decision:
    """Return a person's decision about a node; wait for it.

    An approval that somebody cancels counts as rejected.

    Args:
        node: the node.
        event: the event at which an approval is required.

    Raises:
        UndecidedError: the run stopped before somebody decided.
    """
    preset = approval_given(node.name, os.environ.get(variables.APPROVED))
    if preset is not None:
        return preset
    starts = event == "node-starting"
    question = f"{'Start' if starts else 'Continue after'} {flat(node.name)}?"
    nodes = [node.run.nodes[name] for name in _upstream(node) if name in node.run.nodes] if starts else [node]
    text = markdown([one for shown in nodes for one in _reviewed(shown)])
    if terminal.answers():
        return terminal.ask(question, text, lambda: node.run.stop.reason)
    rules = node.approval
    stop = node.run.stop
    key = str(uuid5(_NAMESPACE, f"{event}\0{node.name}"))
    try:
        state = _answered_earlier(key, rules)
        if state is None:
            state = approval(
                question,
                text,
                timeout_seconds=rules.timeout_seconds,
                default=rules.default,
                notification_blocks=list(rules.notification_blocks),
                key=key,
                return_state=True,
            )
    except Pause as error:
        raise UndecidedError(stop.reason or "the run was suspended") from error
    if state.is_completed():
        return Decision(bool(state.result(raise_on_failure=False)))
    if stop.reason is not None:
        raise UndecidedError(stop.reason)
    get_run_logger().warning("the approval of %s counts as rejected: %s", node.name, state.message)
    return Decision(approved=False)


def _answered_earlier(key: str, rules: ApprovalRules) -> State[Any] | None:
    """Wait for the answer to an approval that an earlier process of this flow run has left open.

    That process was suspended or killed. An answer that came since counts.

    Args:
        key: that of the approval.
        rules: the rules of its node.

    Returns:
        The final state of the approval, whose result is the answer; None if none is open.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        return None
    children = FlowRunFilter(
        parent_flow_run_id=FlowRunFilterParentFlowRunId(any_=[context.flow_run.id]),
        state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED, StateType.RUNNING])),
    )
    with get_client(sync_client=True) as client:
        for child in client.read_flow_runs(flow_run_filter=children):
            pauses = [one for one in client.read_flow_run_states(child.id) if one.state_details.pause_key == key]
            if not pauses:
                continue
            get_run_logger().info("an earlier process has asked already: %s", child.name)
            until = pauses[-1].state_details.pause_timeout or datetime.now(UTC)
            remaining = (until - datetime.now(UTC)).total_seconds() - GRACE_SECONDS
            answer = _answer(client, child.id, pauses[-1], remaining, rules.default)
            final: State[Any] = answer if isinstance(answer, State) else Completed(data=answer)
            client.set_flow_run_state(child.id, final, force=True)
            return final
    return None


def _upstream(node: NodeRun) -> tuple[str, ...]:
    return tuple(node.run.plans[node.name].upstream)


def _reviewed(node: NodeRun) -> Iterator[Reviewed]:
    """Yield the complete executions of a node."""
    for index, manifest in sorted(node.manifests.items()):
        if manifest.state is Outcome.COMPLETE:
            short = summary(manifest)
            files = [(file.path, file.size) for file in manifest.outputs]
            yield Reviewed(node.name, index, short["parameters"], short["metadata"], files)
