"""Provide the tasks, parameter forms and blocks of the Prefect flows that pipeline-translator writes.

The names in ``__all__`` are public API: generated flows import them from here, and a generated file outlives the
version that wrote it. They change only after a deprecation; everything else in the submodules may change at any time.

- Dataflow pipelines (Valohai, Loom): ``run_of`` and ``finish`` begin and end a run. ``execution_node`` and
  ``task_node`` are decorators of nodes; a node runs a ``Job``, or maps ``execution``, or returns ``skip``. Nodes take
  and return ``Manifest``, ``Mapped``, ``Skip`` and ``Executions``; ``earlier_node`` is a node of an earlier run. An
  ``Action`` of a node decides whether the run continues, ``ApprovalRules`` how a person is asked.
- Control-flow pipelines (Magnus, runnable): ``run_of_graph`` and ``finish_graph`` begin and end a run. ``step_node``,
  ``parallel_node``, ``map_node``, ``loop_node``, ``choice_node`` and ``branch`` are decorators. A ``Token`` passes
  through a graph: ``node.submit(token)`` runs the node after those that the token has passed, and returns the token
  for the next node. ``failed``, ``succeed``, ``fail``, ``items``, ``chosen`` and ``again`` decide where it goes.
- Steps as values: ``Step``, ``Parameter``, ``Input``, ``Catalog``, ``FileAxis``, ``Resources``, ``Search`` with
  ``Distribution`` and ``Objective``, ``Distributed``, ``runner``; ``loom`` for the steps of Loom; ``deployment``,
  ``Endpoint`` and ``deployer`` for steps that deploy.
- Parameter forms: ``NodeParameters``, ``Axis``, ``Number``, ``as_written``; ``NodeInputs``, ``Files``.
- All flows: ``ArtifactStore``, the block that configures the artifact store, ``record_crash``, a hook,
  ``infrastructure_failed``, a condition for retries, and ``thread_pool``, a task runner.
- ``run_each`` calls the flow of a pipeline once per combination of values.

Each name is loaded on first use, so that ``prefect_plugin.embedded`` can choose Prefect's settings before anything
imports Prefect, which reads them once.
"""

import importlib
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect_plugin.configuration.blocks import ArtifactStore
    from prefect_plugin.controlflow.composites import branch, choice_node, loop_node, map_node, parallel_node
    from prefect_plugin.controlflow.flow_run import finish_graph, run_of_graph
    from prefect_plugin.controlflow.progress import Token
    from prefect_plugin.controlflow.steps import step_node
    from prefect_plugin.controlflow.tokens import again, chosen, fail, failed, items, succeed
    from prefect_plugin.dataflow.executions import Executions, earlier_node
    from prefect_plugin.dataflow.jobs import Job, execution
    from prefect_plugin.dataflow.nodes import Mapped, Skip, execution_node, skip, task_node
    from prefect_plugin.matrix.runs import run_each
    from prefect_plugin.parameters.axes import Axis
    from prefect_plugin.parameters.node_parameters import Files, NodeInputs, NodeParameters
    from prefect_plugin.parameters.numbers import Number, as_written
    from prefect_plugin.recovery.attempts import record_crash
    from prefect_plugin.run.approval_rules import ApprovalRules
    from prefect_plugin.run.conclusion import finish
    from prefect_plugin.run.flow_run import run_of
    from prefect_plugin.tasks.states import infrastructure_failed
    from prefect_plugin.tasks.task_runners import thread_pool
    from translator.shim import (
        Action,
        Catalog,
        Distributed,
        Distribution,
        Endpoint,
        FileAxis,
        Input,
        Objective,
        Parameter,
        Resources,
        Search,
        Step,
        deployer,
        deployment,
        loom,
        runner,
    )
    from translator.shim.contract import Manifest

__all__ = [
    "Action",
    "ApprovalRules",
    "ArtifactStore",
    "Axis",
    "Catalog",
    "Distributed",
    "Distribution",
    "Endpoint",
    "Executions",
    "FileAxis",
    "Files",
    "Input",
    "Job",
    "Manifest",
    "Mapped",
    "NodeInputs",
    "NodeParameters",
    "Number",
    "Objective",
    "Parameter",
    "Resources",
    "Search",
    "Skip",
    "Step",
    "Token",
    "again",
    "as_written",
    "branch",
    "choice_node",
    "chosen",
    "deployer",
    "deployment",
    "earlier_node",
    "execution",
    "execution_node",
    "fail",
    "failed",
    "finish",
    "finish_graph",
    "infrastructure_failed",
    "items",
    "loom",
    "loop_node",
    "map_node",
    "parallel_node",
    "record_crash",
    "run_each",
    "run_of",
    "run_of_graph",
    "runner",
    "skip",
    "step_node",
    "succeed",
    "task_node",
    "thread_pool",
]

_MODULES = {
    "prefect_plugin.recovery.attempts": ("record_crash",),
    "prefect_plugin.parameters.axes": ("Axis",),
    "prefect_plugin.configuration.blocks": ("ArtifactStore",),
    "prefect_plugin.controlflow.composites": ("branch", "choice_node", "loop_node", "map_node", "parallel_node"),
    "prefect_plugin.controlflow.progress": ("Token",),
    "prefect_plugin.controlflow.flow_run": ("finish_graph", "run_of_graph"),
    "prefect_plugin.controlflow.steps": ("step_node",),
    "prefect_plugin.controlflow.tokens": ("again", "chosen", "fail", "failed", "items", "succeed"),
    "prefect_plugin.dataflow.executions": ("Executions", "earlier_node"),
    "prefect_plugin.dataflow.jobs": ("Job", "execution"),
    "prefect_plugin.dataflow.nodes": ("Mapped", "Skip", "execution_node", "skip", "task_node"),
    "prefect_plugin.matrix.runs": ("run_each",),
    "prefect_plugin.parameters.numbers": ("Number", "as_written"),
    "prefect_plugin.parameters.node_parameters": ("Files", "NodeInputs", "NodeParameters"),
    "prefect_plugin.tasks.task_runners": ("thread_pool",),
    "prefect_plugin.run.approval_rules": ("ApprovalRules",),
    "prefect_plugin.run.conclusion": ("finish",),
    "prefect_plugin.run.flow_run": ("run_of",),
    "prefect_plugin.tasks.states": ("infrastructure_failed",),
    "translator.shim": (
        *(
            "Action",
            "Catalog",
            "Distributed",
            "Distribution",
            "Endpoint",
            "FileAxis",
            "Input",
            "Objective",
            "Parameter",
            "Resources",
            "Search",
            "Step",
        ),
        *("deployer", "deployment", "loom", "runner"),
    ),
    "translator.shim.contract": ("Manifest",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


if "prefect" in sys.modules:  # loaded as a collection (entry point prefect.collections): register its blocks
    importlib.import_module(f"{__name__}.configuration.blocks")
