"""Apply a configuration to a pipeline: each node gets its settings."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, cast

from translator import ir
from translator.config.keys import ASSETS, PROJECT_CODE, PROJECT_NAME, SCHEDULE, STORE
from translator.config.mounts import with_mounts
from translator.config.resolve import below, nested, resolve
from translator.config.runners import argument
from translator.files import real
from translator.nodes import branches, requires_approval, walk_steps
from translator.shim import runners

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.config.keys import TargetKeys
    from translator.config.levels import Config
    from translator.config.resolve import Resolved
    from translator.config.settings import Setting, Settings


def configure(
    pipeline: ir.Pipeline, config: Config, targets: Mapping[str, TargetKeys], project: Path | None = None
) -> ir.Pipeline:
    """Return a pipeline with the settings that count for it.

    Args:
        pipeline: the pipeline as its file has it.
        config: the configuration.
        targets: by name, the keys of the installed targets.
        project: the project's directory, if there is one.
    """
    resolved = resolve(config, pipeline)
    workflow = {name: nested(below(resolved.pipeline, name, keys.workflow_table)) for name, keys in targets.items()}
    shared = {name: _of_tasks(resolved.pipeline, name, keys) for name, keys in targets.items()}
    return replace(
        pipeline,
        graph=_graph(pipeline.graph, (), resolved, targets),
        settings={name: values for name, values in shared.items() if values},
        workflow={name: values for name, values in workflow.items() if values},
        store=store_in(resolved.pipeline),
        code=_code(resolved.pipeline),
        project_name=_project_name(pipeline, resolved.pipeline),
        schedule=_schedule(resolved.pipeline) if pipeline.part is None else None,
        assets=_assets(pipeline, resolved.pipeline) if pipeline.part is None else {},
        configuration=PurePath(config.file).name,
        catalogue=_catalogue(pipeline, config, project),
        git_remote=config.git_remote if _has_commits(pipeline) else None,
    )


def _has_commits(pipeline: ir.Pipeline) -> bool:
    return any(node.step.commit is not None for _, node in walk_steps(pipeline.graph))


def _catalogue(pipeline: ir.Pipeline, config: Config, project: Path | None) -> str | None:
    """Return where the worker finds the names of data, relative to the project; None if the pipeline can use none."""
    if config.catalogue is None or project is None or pipeline.graph.start is not None:
        return None
    return PurePath(os.path.relpath(real(Path(config.file)), real(project))).as_posix()


def store_in(settings: Settings) -> str | None:
    """Return the artifact store among the settings of a pipeline."""
    setting = settings.get((STORE.name,))
    return str(setting.value) if setting is not None else None


def _code(settings: Settings) -> ir.Code:
    setting = settings.get((PROJECT_CODE.name,))
    return ir.Code(str(setting.value)) if setting is not None else ir.Code.PATH


def _project_name(pipeline: ir.Pipeline, settings: Settings) -> str | None:
    """Return the name of the project among the settings of a pipeline, if its language has one."""
    setting = settings.get((PROJECT_NAME.name,))
    return None if setting is None or pipeline.graph.start is not None else str(setting.value)


def _schedule(settings: Settings) -> ir.Schedule | None:
    """Return the schedule among the settings of a pipeline; it is that of the whole pipeline, not of its parts."""
    keys = {path[0]: setting for path, setting in below(settings, SCHEDULE)}
    values: dict[str, Any] = {name: setting.value for name, setting in keys.items()}
    if not values.get("cron") and not values.get("assets"):
        return None
    return ir.Schedule(**values, spans={name: one.span for name, one in keys.items()})


def _assets(pipeline: ir.Pipeline, settings: Settings) -> Mapping[str, ir.AssetUpdate]:
    """Return the assets that nodes update, in the order of the nodes; parts of a pipeline update none."""
    by_node = {path[0]: setting for path, setting in below(settings, ASSETS.name)}
    listed = [(node.name, by_node[node.name]) for node in pipeline.nodes if node.name in by_node]
    return {
        node: ir.AssetUpdate(tuple(dict.fromkeys(cast("tuple[str, ...]", setting.value))), setting.span)
        for node, setting in listed
        if setting.value
    }


def _of_tasks(settings: Settings, target: str, keys: TargetKeys) -> Mapping[str, ir.Json]:
    """Return the arguments of tasks among the settings for a target."""
    return nested((path, one) for path, one in below(settings, target) if path[0] != keys.workflow_table)


def _graph(graph: ir.Graph, above: tuple[str, ...], resolved: Resolved, targets: Mapping[str, TargetKeys]) -> ir.Graph:
    """Return a graph whose nodes have their settings."""
    nodes: list[ir.Node] = []
    for node in graph.nodes:
        path = (*above, node.name)
        if isinstance(node, ir.StepNode):
            nodes.append(_node(node, resolved.nodes[path], resolved, targets))
            continue
        inner = {name: _graph(branch, (*path, name), resolved, targets) for name, branch in branches(node).items()}
        nodes.append(_with_branches(node, inner))
    return replace(graph, nodes=tuple(nodes))


def _with_branches(node: Any, inner: Mapping[str, ir.Graph]) -> ir.Node:
    """Return a composite node with other branches."""
    match node:
        case ir.ParallelNode():
            return replace(node, branches=inner)
        case ir.ChoiceNode():
            return replace(node, cases=inner)
        case ir.MapNode() | ir.LoopNode():
            (body,) = inner.values()
            return replace(node, body=body)
        case _:
            return node  # type: ignore[no-any-return]  # a node without branches


def _node(node: ir.StepNode, settings: Settings, resolved: Resolved, targets: Mapping[str, TargetKeys]) -> ir.StepNode:
    """Return a node with the settings that differ from the pipeline's, and its step with its place."""
    own = {}
    for name, keys in targets.items():
        shared = _of_tasks(resolved.pipeline, name, keys)
        values = {key: value for key, value in _of_tasks(settings, name, keys).items() if shared.get(key) != value}
        if values:
            own[name] = values
    policy = replace(node.policy, approval=_approval(settings)) if requires_approval(node) else node.policy
    configured = replace(node, settings=own, policy=policy, step=_step(node.step, settings))
    return _with_timeout(configured, settings) if isinstance(configured, ir.TaskNode) else configured


def _with_timeout(node: ir.TaskNode, settings: Settings) -> ir.TaskNode:
    """Return a distributed task with the time for which its executions wait for each other."""
    timeout = settings.get(("members_timeout",))
    if node.grid.distributed is None or timeout is None:
        return node
    distributed = replace(node.grid.distributed, timeout=cast("float", timeout.value))
    return replace(node, grid=replace(node.grid, distributed=distributed))


def _approval(settings: Settings) -> ir.ApprovalRules:
    """Return how long a person is waited for, and what counts after that."""
    timeout, default = (settings.get(("approval", key)) for key in ("timeout", "default"))
    seconds = cast("float", timeout.value) if timeout is not None else None
    return ir.ApprovalRules(seconds, approved=default is not None and default.value == "approve")


def _step(step: ir.Step, settings: Settings) -> ir.Step:
    """Return a step with the runner, image, resources and variables that settings give it; or with its deployer."""
    if step.deployment is not None:
        from translator.shim import deployers  # few pipelines deploy

        return replace(
            step,
            runner=_placed_by(settings, "deployer", deployers.DEFAULT),
            environment=_merged(step.environment, settings, "variables"),
            secret_variables={key[0]: str(one.value) for key, one in below(settings, "secrets")},
        )
    placed_by = _placed_by(settings, "runner", runners.DEFAULT)
    declared = step.resources or ir.Resources()
    cpu, memory = (settings.get(("resources", key)) for key in ("cpu", "memory"))
    resources = ir.Resources(
        _chosen(cpu, declared.cpu, both=True),
        _chosen(memory, declared.memory, both=True),
        _merged(declared.devices, settings, "resources", "devices"),
    )
    environment = _merged(step.environment, settings, "variables")
    secrets = {
        key[0]: str(one.value)
        for key, one in below(settings, "secrets")
        if not one.weak or key[0] not in step.environment
    }
    environment = {name: value for name, value in environment.items() if name not in secrets}
    return replace(
        step,
        runner=with_mounts(placed_by, step.request.mounts),
        image=_chosen(settings.get(("image",)), step.image),
        resources=resources if resources != ir.Resources() else None,
        environment=environment,
        secret_variables=secrets,
        required_environment=tuple(name for name in step.required_environment if name not in {*environment, *secrets}),
    )


def _placed_by(settings: Settings, word: str, default: str) -> ir.Runner | None:
    """Return the runner or deployer that settings choose; None if they say nothing of the default one."""
    chosen = settings.get((word,))
    name = str(chosen.value) if chosen is not None else default
    own = {argument(path[0]): one.value for path, one in below(settings, f"{word}s", name)}
    return ir.Runner(name, own) if chosen is not None or own else None


def _merged(declared: Mapping[str, Any], settings: Settings, *path: str) -> Mapping[str, Any]:
    """Return what the pipeline file says by name, with the settings below a path; weak ones where it says nothing."""
    settings_by_name = {
        key[0]: one.value for key, one in below(settings, *path) if not one.weak or key[0] not in declared
    }
    return {**declared, **settings_by_name}


def _chosen(setting: Setting | None, declared: Any, *, both: bool = False) -> Any:
    """Return the value of a setting, or what the pipeline file says if there is none or if that is stronger.

    Args:
        setting: the setting.
        declared: what the pipeline file says.
        both: whether that is a least and a most value, which the setting gives as one.
    """
    is_declared = any(part is not None for part in declared) if both else declared is not None
    if setting is None or (setting.weak and is_declared):
        return declared
    return (setting.value, setting.value) if both else setting.value
