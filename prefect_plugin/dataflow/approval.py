"""Ask a person about a node: a subflow pauses itself with a form, while other nodes continue."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from prefect import flow, get_run_logger
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput

from prefect_plugin.tasks.display_names import flat
from translator.shim import variables
from translator.shim.actions.effects import Decision, approval_given
from translator.shim.actions.review import Reviewed, markdown
from translator.shim.contract import State as Outcome
from translator.shim.store.manifest import summary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect_plugin.run.run_state import NodeRun
    from translator.shim.contract import Event

PATIENCE = 30 * 24 * 3600
"""Seconds for which a run waits for a person."""
_POLL = 2


class Approval(RunInput):
    """The form of an approval."""

    approve: bool


@flow(name="approval", flow_run_name="{question}", retries=0, persist_result=False)
def approval(question: str, text: str) -> bool:
    """Pause until a person has answered the form; return whether the person approves.

    Args:
        question: the question, which is the name of the flow run.
        text: what there is to decide on, in Markdown.
    """
    form = Approval.with_initial_data(description=f"# {question}\n\n{text}", approve=False)
    return pause_flow_run(wait_for_input=form, timeout=PATIENCE, poll_interval=_POLL).approve


def decide(node: NodeRun, event: Event) -> Decision:
    """Return a person's decision about a node; wait for it.

    An approval that somebody cancels, or that nobody answers in time, counts as rejected.

    Args:
        node: the node.
        event: the event at which an approval is required.
    """
    preset = approval_given(node.name, os.environ.get(variables.APPROVED))
    if preset is not None:
        return preset
    starts = event == "node-starting"
    question = f"{'Start' if starts else 'Continue after'} {flat(node.name)}?"
    nodes = [node.run.nodes[name] for name in _upstream(node) if name in node.run.nodes] if starts else [node]
    state = approval(question, markdown([one for shown in nodes for one in _reviewed(shown)]), return_state=True)
    if not state.is_completed():
        get_run_logger().warning("the approval of %s counts as rejected: %s", node.name, state.message)
    return Decision(state.is_completed() and bool(state.result(raise_on_failure=False)))


def _upstream(node: NodeRun) -> tuple[str, ...]:
    return tuple(node.run.plans[node.name].upstream)


def _reviewed(node: NodeRun) -> Iterator[Reviewed]:
    """Yield the complete executions of a node."""
    for index, manifest in sorted(node.manifests.items()):
        if manifest.state is Outcome.COMPLETE:
            short = summary(manifest)
            files = [(file.path, file.size) for file in manifest.outputs]
            yield Reviewed(node.name, index, short["parameters"], short["metadata"], files)
