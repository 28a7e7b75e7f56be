"""Define the keys of the table ``prefect`` in ``translator.toml``, and write their values as options."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from translator import ir
from translator.config.keys import PIPELINE, Key, TargetKeys, by_address
from translator.config.kinds import Duration, Hook, PythonObject, Text, Texts, Whole
from translator.names import slug
from translator.nodes import requires_approval, step_nodes
from translator.targets.addresses import names_by_address
from translator.targets.hooks import hook_expression, object_expression
from translator.targets.render import Name, call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.targets.render import Expression

TARGET = "prefect"
DEPLOYMENTS = "prefect.yaml"
"""The file beside flows that holds their schedules."""
TASK_RUNNER = "task_runner"
_TASK_HOOKS = ("on_completion", "on_failure", "on_running")
_FLOW_VALUES = ("version", "timeout_seconds")
_FLOW_HOOKS = ("on_completion", "on_failure", "on_cancellation", "on_running")
_CRASHED = "on_crashed"

SETTINGS = TargetKeys(
    node=(
        Key("tags", Texts(), "Tags of the task runs that run commands, such as those of concurrency limits."),
        Key(
            "retries",
            Whole(0, 100),
            "Attempts that Prefect adds if the infrastructure fails, such as an unreachable artifact store. Failed "
            "commands are retried only by their node's `on-error`.",
        ),
        Key("retry_delay_seconds", Duration(), "Time between these attempts."),
        Key(
            "max_workers",
            Whole(1),
            "Maximum number of concurrent executions of a task node, unless the pipeline file sets it.",
        ),
        Key(
            TASK_RUNNER,
            PythonObject(),
            "The task runner of a task node's executions, which can [spread them over "
            "machines](how-to/several-machines.md#spread-one-run-over-a-dask-cluster). By default, they are threads of "
            "the flow's process. Loom's sequential loops always are.",
        ),
        Key(
            "notification_blocks",
            Texts(r"^[a-z0-9-]+/[a-z0-9-]+$", 'a type and a name, such as "slack-webhook/team"'),
            "Prefect blocks that notify people of [approvals](semantics.md#approvals) to give, as `TYPE/NAME`.",
        ),
        Key("on_completion", Hook(), "Called when a node is complete."),
        Key("on_failure", Hook(), "Called when a node has failed."),
        Key("on_running", Hook(), "Called when a node starts."),
    ),
    workflow=(
        Key("name", Text(), "The flow's name; `{pipeline}` stands for the pipeline's."),
        Key(
            "file",
            Text(pattern=r"^([A-Za-z0-9_]|\{pipeline\})+\.py$", words="a .py file's name"),
            "Name of the generated file; `{pipeline}` stands for the pipeline's name as an identifier.",
        ),
        Key(
            "store_block",
            Text(pattern=r"^[a-z0-9-]+$", words="a name of lower-case letters, digits and dashes"),
            "The *Artifact Store* block with the credentials of the [artifact store](#artifact-store).",
        ),
        Key(
            "input_blocks",
            by_address("names of blocks by the start of addresses"),
            "Prefect blocks with the [credentials for inputs](data.md#credentials-for-inputs), by the start of their "
            "addresses.",
        ),
        Key(
            "work_pool",
            Text(pattern=r"^[A-Za-z0-9]([A-Za-z0-9_. -]*[A-Za-z0-9_.-])?$", words="a work pool's name"),
            "The work pool of the flow's deployment in [prefect.yaml](deploying.md#schedules).",
        ),
        Key("version", Text(), "The flow's version."),
        Key("timeout_seconds", Duration(), "The time after which Prefect ends a run. Its commands are stopped."),
        Key("on_completion", Hook(), "Called when a run is complete."),
        Key("on_failure", Hook(), "Called when a run has failed."),
        Key("on_cancellation", Hook(), "Called when a run is cancelled."),
        Key("on_crashed", Hook(), "Called when the process of a run ends unexpectedly."),
        Key("on_running", Hook(), "Called when a run starts."),
    ),
    workflow_table="flow",
    name_key="name",
    where=("tags",),
)


def of_node(pipeline: ir.Pipeline, node: ir.StepNode) -> dict[str, ir.Json]:
    """Return the settings of a node; a flow has no place for those that all nodes share."""
    return {**pipeline.settings.get(TARGET, {}), **node.settings.get(TARGET, {})}


def of_flow(pipeline: ir.Pipeline) -> Mapping[str, ir.Json]:
    """Return the settings of the flow itself."""
    return pipeline.workflow.get(TARGET, {})


def flow_file(pipeline: ir.Pipeline, default: str) -> str:
    """Return the name of the flow's file."""
    named = of_flow(pipeline).get("file")
    if named is None:
        return default
    return str(named).replace(PIPELINE, slug(pipeline.title))


def flow_name(pipeline: ir.Pipeline) -> str:
    """Return the name of the flow, before characters that Prefect refuses are replaced."""
    named = of_flow(pipeline).get("name")
    if named is not None and pipeline.part is not None and PIPELINE not in str(named):
        return f"{named} ({pipeline.part.label})"
    return pipeline.title if named is None else str(named).replace(PIPELINE, pipeline.title)


def store_arguments(pipeline: ir.Pipeline) -> dict[str, Expression]:
    """Return what a run is told of names of data, of its artifact store and of inputs, as arguments of ``run_of``."""
    settings = of_flow(pipeline)
    arguments = {
        "project_name": pipeline.project_name,
        "catalogue": pipeline.catalogue,
        "git_remote": pipeline.git_remote,
        "store": pipeline.store,
        "store_block": settings.get("store_block"),
        "input_blocks": names_by_address(pipeline, settings.get("input_blocks")),
    }
    return {name: value for name, value in arguments.items() if value is not None}


def retry_options(settings: Mapping[str, Any], tries: int) -> dict[str, Expression]:
    """Return the options by which the task runs of a node's executions are tried again.

    Args:
        settings: of the node.
        tries: how often its on-error lets a failed command run in all.
    """
    if tries > 1:
        return {"retries": tries - 1}  # at once, as prefect_plugin sets it
    if not settings.get("retries"):
        return {}
    delay = settings.get("retry_delay_seconds")
    options: dict[str, Expression] = {"retries": settings["retries"], "retry_delay_seconds": delay}
    return {**options, "retry_condition_fn": Name("infrastructure_failed")}


def is_repeated(pipeline: ir.Pipeline, node: ir.StepNode) -> bool:
    """Return whether a node is tried again if the infrastructure fails."""
    return "retry_condition_fn" in retry_options(of_node(pipeline, node), node.policy.tries)


def node_hooks(settings: Mapping[str, ir.Json], names: Mapping[str, str]) -> dict[str, Expression]:
    """Return the hooks of a node as options of its task."""
    return {key: _listed(settings[key], names) for key in _TASK_HOOKS if key in settings}


def approval_rules(settings: Mapping[str, ir.Json], node: ir.StepNode) -> Expression:
    """Return the rules of a node's approvals; None if it has none, or none of its own."""
    rules, blocks = node.policy.approval, cast("tuple[str, ...]", settings.get("notification_blocks", ()))
    if not requires_approval(node) or (rules.timeout is None and not blocks):
        return None
    return call(
        "ApprovalRules",
        timeout_seconds=rules.timeout,
        default=("approve" if rules.approved else "reject") if rules.timeout is not None else None,
        notification_blocks=list(blocks) or None,
    )


def runs_in_order(node: ir.StepNode) -> bool:
    """Return whether the executions of a node run one after another."""
    return isinstance(node, ir.TaskNode) and node.grid.files is not None and node.grid.files.sequential


def spreads(node: ir.StepNode) -> bool:
    """Return whether the executions of a node can run on a task runner of their own."""
    return isinstance(node, ir.TaskNode) and not runs_in_order(node)


def task_runners(pipeline: ir.Pipeline) -> list[ir.Json]:
    """Return the task runners that the executions of a pipeline's task nodes use, as settings name them."""
    of_nodes = (_task_runner(of_node(pipeline, node), node) for node in step_nodes(pipeline).values())
    return [runner for runner in of_nodes if runner is not None]


def task_runner(settings: Mapping[str, ir.Json], node: ir.StepNode, names: Mapping[str, str]) -> Expression:
    """Return the task runner of a task node's executions; None if it has no own."""
    runner = _task_runner(settings, node)
    return None if runner is None else object_expression(runner, names)


def _task_runner(settings: Mapping[str, ir.Json], node: ir.StepNode) -> ir.Json:
    return settings.get(TASK_RUNNER) if spreads(node) else None


def flow_options(pipeline: ir.Pipeline, names: Mapping[str, str]) -> tuple[tuple[str, Expression], ...]:
    """Return the options of the flow that settings give, except ``on_crashed``."""
    settings = of_flow(pipeline)
    options: dict[str, Expression] = {key: cast("str", settings[key]) for key in _FLOW_VALUES if key in settings}
    options |= {key: _listed(settings[key], names) for key in _FLOW_HOOKS if key in settings}
    return tuple(options.items())


def crash_hooks(pipeline: ir.Pipeline, names: Mapping[str, str]) -> list[Expression]:
    """Return what is called when the process of a run ended unexpectedly."""
    settings = of_flow(pipeline)
    more = _listed(settings[_CRASHED], names) if _CRASHED in settings else []
    return [Name("record_crash"), *more]


def _listed(value: ir.Json, names: Mapping[str, str]) -> list[Expression]:
    written = hook_expression(value, names)
    return cast("list[Expression]", written) if isinstance(written, list) else [written]
