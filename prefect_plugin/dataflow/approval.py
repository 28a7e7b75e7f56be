"""Ask a person about a node: a subflow pauses itself with a form, while other nodes continue."""

from __future__ import annotations

import asyncio
import inspect
import os
import time
from typing import TYPE_CHECKING, Any, cast
from uuid import uuid4

from prefect import State, flow, get_client, get_run_logger
from prefect.blocks.core import Block
from prefect.client.schemas.responses import SetStateStatus
from prefect.context import FlowRunContext
from prefect.input import RunInput, keyset_from_paused_state
from prefect.states import Cancelled, Paused
from prefect.utilities.urls import url_for

from prefect_plugin.exceptions import OutsideRunError
from prefect_plugin.run.current import current_run
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
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient

    from prefect_plugin.run.run_state import NodeRun
    from prefect_plugin.run.stopping import Stop
    from translator.shim.contract import Event

POLL_SECONDS = 2.0
"""The interval at which a run looks whether a person has answered."""


class ApprovalError(TranslatorError):
    """An approval that nobody can be asked for."""


class Approval(RunInput):
    """The form of an approval."""

    approve: bool


@flow(name="approval", flow_run_name="{question}", retries=0, persist_result=False)
def approval(
    question: str, text: str, timeout_seconds: float, default: str, notification_blocks: list[str]
) -> bool | State[Any]:
    """Pause until a person has answered the form; return whether the person approves.

    Prefect's own ``pause_flow_run`` continues to wait if somebody cancels the flow run, or if the run stops.

    Args:
        question: the question, which is the name of the flow run.
        text: what there is to decide on, in Markdown.
        timeout_seconds: how long it waits.
        default: what counts after that, ``approve`` or ``reject``.
        notification_blocks: the blocks that notify people, as ``TYPE/NAME``.

    Returns:
        The answer, or a Cancelled state with the reason why there is none.

    Raises:
        ApprovalError: the server refuses to pause the flow run.
        OutsideRunError: it is not called in a run.
    """
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise OutsideRunError("approvals are asked for in a flow run")
    flow_run = context.flow_run.id
    form = Approval.with_initial_data(description=f"# {question}\n\n{text}", approve=False)
    # The server refuses answers after this time; a moment later than the run stops waiting.
    paused: State[Any] = Paused(timeout_seconds=int(timeout_seconds + 60), pause_key=str(uuid4()))
    keyset = keyset_from_paused_state(paused)
    paused.state_details.run_input_keyset = dict(keyset)  # type: ignore[arg-type]  # its keys are literals
    with get_client(sync_client=True) as client:
        if client.set_flow_run_state(flow_run, paused).status is not SetStateStatus.ACCEPT:
            raise ApprovalError("Prefect's server does not pause the approval")
        form.save(keyset, flow_run)  # not before: a flow run that pauses loses its forms
        _notify(notification_blocks, question, url_for("flow-run", obj_id=flow_run))
        try:
            reason = _await_answer(client, flow_run, current_run().stop, timeout_seconds)
        except TimeoutError:
            get_run_logger().warning("nobody answered in time: it counts as %s", default)
            return default == "approve"
    if reason is not None:
        return Cancelled(message=reason)
    return cast("Approval", form.load(keyset, flow_run)).approve


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
    deadline = time.monotonic() + seconds
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
    state = approval(
        question, text, rules.timeout_seconds, rules.default, list(rules.notification_blocks), return_state=True
    )
    if state.is_completed():
        return Decision(bool(state.result(raise_on_failure=False)))
    if node.run.stop.reason is not None:
        raise UndecidedError(node.run.stop.reason)
    get_run_logger().warning("the approval of %s counts as rejected: %s", node.name, state.message)
    return Decision(approved=False)


def _upstream(node: NodeRun) -> tuple[str, ...]:
    return tuple(node.run.plans[node.name].upstream)


def _reviewed(node: NodeRun) -> Iterator[Reviewed]:
    """Yield the complete executions of a node."""
    for index, manifest in sorted(node.manifests.items()):
        if manifest.state is Outcome.COMPLETE:
            short = summary(manifest)
            files = [(file.path, file.size) for file in manifest.outputs]
            yield Reviewed(node.name, index, short["parameters"], short["metadata"], files)
