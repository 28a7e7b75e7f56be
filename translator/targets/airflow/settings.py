"""Define the keys of the table ``airflow`` in ``translator.toml``, and write their values as arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from translator.config.keys import Key, TargetKeys, by_address
from translator.config.kinds import Data, Duration, Hook, Prose, PythonObjects, Table, Text, Texts, Whole
from translator.nodes import requires_approval, step_nodes
from translator.shim.json_values import thawed
from translator.targets.hooks import hook_expression, object_expression
from translator.targets.render import call

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator import ir
    from translator.targets.airflow.model import Arguments
    from translator.targets.render import Expression

TARGET = "airflow"

SETTINGS = TargetKeys(
    node=(
        Key("owner", Text(), "The owner of the tasks."),
        Key("queue", Text(), "The queue whose workers run the tasks."),
        Key("pool", Text(), "The pool that the tasks take slots from."),
        Key("pool_slots", Whole(1), "Slots that a task takes from its pool."),
        Key("priority_weight", Whole(1), "Tasks with a greater weight start first."),
        Key("weight_rule", Text(("downstream", "upstream", "absolute")), "How weights add up along the graph."),
        Key("executor", Text(), "The executor that runs the tasks. It must be in Airflow's configuration."),
        Key("executor_config", Data(), "Options for the executor: plain values. Replaced as a whole."),
        Key("execution_timeout", Duration(), "The time after which Airflow ends a task. Its execution then fails."),
        Key(
            "retries",
            Whole(0, 100),
            "Attempts that Airflow adds if the infrastructure fails: a killed worker, an unreachable artifact store. "
            "Failed commands are retried only by their node's `on-error`.",
        ),
        Key("retry_delay", Duration(), "Time between attempts."),
        Key("doc_md", Prose(), "Documentation of the tasks, shown in Airflow."),
        Key(
            "assigned_users",
            Table(Text(), "names of users by id"),
            "The users who may answer [approvals](semantics.md#approvals): everybody, by default.",
        ),
        Key("notifiers", PythonObjects(), "Airflow's notifiers that are told of approvals to give."),
        Key("on_failure_callback", Hook(), "Called when a task has failed."),
        Key("on_success_callback", Hook(), "Called when a task has succeeded."),
        Key("on_retry_callback", Hook(), "Called before a task is retried."),
        Key("on_execute_callback", Hook(), "Called before a task runs."),
        Key("on_skipped_callback", Hook(), "Called when a task has been skipped."),
    ),
    workflow=(
        Key(
            "dag_id",
            Text(pattern=r"^([A-Za-z0-9_.-]|\{pipeline\})+$", words="letters, digits, dots, dashes and underscores"),
            "The DAG's id; `{pipeline}` stands for the pipeline's name as an identifier.",
        ),
        Key(
            "file",
            Text(
                pattern=r"^([A-Za-z0-9_-]|\{pipeline\})([A-Za-z0-9_.-]|\{pipeline\})*\.py$",
                words="a .py file's name",
            ),
            "Name of the generated file; `{pipeline}` as in `dag_id`.",
        ),
        Key(
            "store_connection",
            Text(),
            "The Airflow connection with the credentials of the [artifact store](#artifact-store).",
        ),
        Key(
            "input_connections",
            by_address("names of connections by the start of addresses"),
            "Airflow connections with the [credentials for inputs](data.md#credentials-for-inputs), by the start of "
            "their addresses.",
        ),
        Key("tags", Texts(), "Tags, besides the source language."),
        Key("doc_md", Prose(), "Documentation of the DAG, before the line that says what it was generated from."),
        Key("max_active_runs", Whole(1), "Maximum number of active runs of the DAG."),
        Key("max_active_tasks", Whole(1), "Maximum number of concurrent tasks, in each run."),
        Key("dagrun_timeout", Duration(), "The time after which a run fails."),
        Key("on_failure_callback", Hook(), "Called when a run has failed."),
        Key("on_success_callback", Hook(), "Called when a run has succeeded."),
    ),
    workflow_table="dag",
    name_key="dag_id",
    where=("queue", "pool", "executor"),
)
_OF_APPROVALS = ("assigned_users", "notifiers")
"""The keys of arguments that only tasks have which ask for approvals."""
_UNITS = {"days": 86_400, "hours": 3_600, "minutes": 60}


def of_tasks(pipeline: ir.Pipeline) -> Mapping[str, ir.Json]:
    """Return the settings that all tasks of a DAG share."""
    return pipeline.settings.get(TARGET, {})


def of_dag(pipeline: ir.Pipeline) -> Mapping[str, ir.Json]:
    """Return the settings of the DAG itself."""
    return pipeline.workflow.get(TARGET, {})


def node_arguments(node: ir.StepNode, hooks: Mapping[str, str]) -> Arguments:
    """Return the arguments of a node's operator that it does not share with all tasks.

    Args:
        node: the node.
        hooks: by dotted name, the name of a hook in the file.
    """
    settings = dict(node.settings.get(TARGET, {}))
    if node.policy.tries > 1:
        for key in ("retries", "retry_delay"):
            settings.pop(key, None)  # its on-error decides
    return task_arguments(settings, hooks)


def retry_arguments(node: ir.StepNode) -> Arguments:
    """Return the arguments by which a failed command is tried again as the ``on-error`` of its node says: at once.

    They must be given: the DAG's ``default_args`` and Airflow itself have other defaults.
    """
    tries = node.policy.tries
    return (("retries", tries - 1), ("retry_delay", call("timedelta", 0))) if tries > 1 else ()


def task_arguments(settings: Mapping[str, ir.Json], hooks: Mapping[str, str]) -> Arguments:
    """Return settings as arguments of operators, in the order of the keys."""
    keys = [key for key in SETTINGS.node if key.name in settings and key.name not in _OF_APPROVALS]
    return tuple((key.name, _expression(key, settings[key.name], hooks)) for key in keys)


def approval_arguments(shared: Mapping[str, ir.Json], node: ir.StepNode, hooks: Mapping[str, str]) -> Arguments:
    """Return the arguments of the tasks of a node that ask for approvals, if it has any.

    Args:
        shared: the settings that all tasks share.
        node: the node.
        hooks: by dotted name, the name of an object in the file.
    """
    if not requires_approval(node):
        return ()
    settings = {**shared, **node.settings.get(TARGET, {})}
    users = cast("Mapping[str, str]", settings.get("assigned_users", {}))
    objects = cast("tuple[ir.Json, ...]", settings.get("notifiers", ()))
    arguments: list[tuple[str, Expression]] = []
    if users:
        arguments.append(("assigned_users", [{"id": key, "name": title} for key, title in users.items()]))
    if objects:
        arguments.append(("notifiers", [object_expression(one, hooks) for one in objects]))
    rules = node.policy.approval
    if rules.timeout is not None:
        arguments.append(("response_timeout", duration(rules.timeout)))
        arguments.append(("defaults", "Approve" if rules.approved else "Reject"))
    return tuple(arguments)


def notifiers(pipeline: ir.Pipeline) -> list[ir.Json]:
    """Return the notifiers of approvals that a DAG file imports."""
    asking = [node for node in step_nodes(pipeline).values() if requires_approval(node)]
    of_nodes = [{**of_tasks(pipeline), **node.settings.get(TARGET, {})} for node in asking]
    return [one for settings in of_nodes for one in cast("tuple[ir.Json, ...]", settings.get("notifiers", ()))]


def dag_setting(settings: Mapping[str, ir.Json], name: str, hooks: Mapping[str, str]) -> Expression:
    """Return a setting of the DAG as an expression; None if there is none."""
    key = next(key for key in SETTINGS.workflow if key.name == name)
    return _expression(key, settings[name], hooks) if name in settings else None


def _expression(key: Key, value: ir.Json, hooks: Mapping[str, str]) -> Expression:
    if isinstance(key.kind, Duration):
        return duration(cast("float", value))
    if isinstance(key.kind, Hook):
        return hook_expression(value, hooks)
    return thawed(value)


def duration(seconds: float) -> Expression:
    """Return a duration as people write it: ``timedelta(hours=2)``."""
    unit, length = next(((unit, of) for unit, of in _UNITS.items() if seconds % of == 0), ("seconds", 1))
    return call("timedelta", **{unit: seconds if length == 1 else int(seconds // length)})
