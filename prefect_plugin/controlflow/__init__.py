"""Control-flow pipelines (Magnus, runnable) as Prefect knows things: what their generated flows import.

A step, and a node with branches, is a task; so is each branch. ``last`` is what a graph has come to: the future of the
node that was submitted last. Submitting the next node with it makes it that node's dependency; where a node's failure
is handled, the flow asks ``failed(last)`` and hands ``allow_failure(last)`` to the node that handles it.
"""

from prefect_plugin.attempts import record_crash
from prefect_plugin.controlflow.composites import branch, choice_node, loop_node, map_node, parallel_node
from prefect_plugin.controlflow.runs import finish, run_of
from prefect_plugin.controlflow.steps import step_node
from prefect_plugin.controlflow.tokens import Last, again, chosen, fail, failed, items, succeed

__all__ = [
    "Last",
    "again",
    "branch",
    "choice_node",
    "chosen",
    "fail",
    "failed",
    "finish",
    "items",
    "loop_node",
    "map_node",
    "parallel_node",
    "record_crash",
    "run_of",
    "step_node",
    "succeed",
]
