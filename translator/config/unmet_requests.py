"""Report what steps ask for and do not get: environments, presets, groups of variables, mounts, images, devices.

The findings say what to write into ``translator.toml``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from translator import ir
from translator.config.catalogue import Catalogue, data_name
from translator.config.files import NAME
from translator.config.mounts import unfit, without_mounts
from translator.config.resolve import matching
from translator.files import is_missing_file
from translator.launch_inputs import all_launch_inputs
from translator.names import did_you_mean
from translator.nodes import walk_steps
from translator.shim import runners
from translator.shim.files.object_stores import missing_package
from translator.shim.masking.uris import redact
from translator.shim.runners import UnfitError
from translator.shim.runners.kubernetes import templates
from translator.source import dotted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from translator.config.levels import Config, Level
    from translator.diagnostics import Diagnostics
    from translator.shim.catalogue.names import DataName

SETTLED = frozenset({"unsupported-mounts", "unsupported-environment-variable-groups"})
"""The codes of errors that settings in ``translator.toml`` resolve, so that the pipeline file stays as it is."""
_PODS = "kubernetes"
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def report_unmet_requests(
    pipeline: ir.Pipeline, config: Config, diagnostics: Diagnostics, project: Path | None = None
) -> None:
    """Report the requests of a pipeline's steps that have no answer.

    Args:
        pipeline: the pipeline with its settings.
        config: the configuration.
        diagnostics: receives the findings.
        project: the directory with the files that steps run; None skips the templates of pods.
    """
    _report_store(pipeline, diagnostics)
    _report_data(pipeline, config, diagnostics)
    images: dict[str, None] = {}
    reported: set[tuple[str, str]] = set()
    for step in {id(node.step): node.step for _, node in walk_steps(pipeline.graph)}.values():
        if step.deployment is not None:
            _report_endpoints(step, step.deployment, pipeline, diagnostics)
            continue
        _report_names(step, config, diagnostics, reported)
        _report_mounts(step, diagnostics)
        _report_minima(step, diagnostics)
        _report_runner(step, pipeline.dialect, diagnostics)
        if project is not None:
            _report_template(step, project, diagnostics)
        if _is_process(step):
            if step.image:
                images[step.image] = None
            _report_devices(step, diagnostics)
    if images:
        message = "images are ignored, because steps run as processes on the worker: " + ", ".join(images)
        hint = f'to use them, write runner = "docker" or "kubernetes" into {NAME}'
        diagnostics.note("ignored-image", message, pipeline.span, hint=hint)


def _report_endpoints(
    step: ir.Step, deployment: ir.Deployment, pipeline: ir.Pipeline, diagnostics: Diagnostics
) -> None:
    """Report what endpoints ask for and their deployer does not have."""
    from translator.runtime import lower_deployment  # few pipelines deploy
    from translator.shim import deployers

    name = step.runner.name if step.runner is not None else deployers.DEFAULT
    if name not in deployers.names():
        return  # reported with the setting
    ignored: dict[str, list[str]] = {}
    deployer, lowered = deployers.load(name), lower_deployment(deployment)
    for problem in deployer.lacks(step.runner.settings if step.runner is not None else {}, lowered):
        diagnostics.error("bad-setting", f"deployment {deployment.name!r}: {problem}", step.span)
    for endpoint_name, key in deployer.ignores(lowered):
        ignored.setdefault(endpoint_name, []).append(key)
    images = [one.image for one in deployment.endpoints if one.image and "image" in ignored.get(one.name, ())]
    if images:
        message = f"the deployer {name!r} ignores images of endpoints: {', '.join(dict.fromkeys(images))}"
        diagnostics.note("ignored-image", message, pipeline.span)
    if step.secret_variables:
        message = f"the servers of {deployment.name!r} do not get the secrets {', '.join(step.secret_variables)}"
        hint = "let the servers read them from where they are kept"
        diagnostics.warning("ignored-secrets", message, step.span, hint=hint)
    for endpoint in deployment.endpoints:
        if keys := [repr(key) for key in ignored.get(endpoint.name, ()) if key != "image"]:
            message = f"the deployer {name!r} ignores {', '.join(keys)} of endpoint {endpoint.name!r}"
            diagnostics.note("ignored-endpoint-setting", message, endpoint.span)


def _report_data(pipeline: ir.Pipeline, config: Config, diagnostics: Diagnostics) -> None:
    """Report the names of data that the configuration does not have."""
    catalogue = config.catalogue or Catalogue()
    if catalogue.resolvers:
        return
    for name, step_input in _names_of_data(pipeline).items():
        if str(name) in catalogue.names:
            continue
        hint = did_you_mean(str(name), catalogue.names, f"{NAME} names")
        hint = hint or f'write what it stands for into {NAME}: [catalogue.names], {dotted((str(name),))} = "URI"'
        if name.kind == "datum" and _UUID.fullmatch(name.name):
            message = f"only Valohai knows which file {name} is, the default of input {step_input.name!r}"
            diagnostics.warning("unknown-data", message, step_input.span, hint=hint)
        else:
            message = f"{name} is not in {NAME}, so each run looks it up in the catalogue of its artifact store"
            diagnostics.note("unknown-data", message, step_input.span, hint=hint)


def _names_of_data(pipeline: ir.Pipeline) -> dict[DataName, ir.Input]:
    """Return the names of data that inputs of a pipeline have, not replaced by edges, with the first input of each."""
    first: dict[DataName, ir.Input] = {}
    for one in all_launch_inputs(pipeline):
        for name in filter(None, map(data_name, one.input.default)):
            first.setdefault(name, one.input)
    return first


def _report_store(pipeline: ir.Pipeline, diagnostics: Diagnostics) -> None:
    """Report that the package for a pipeline's artifact store is missing here; workers may have it."""
    missing = missing_package(pipeline.store) if pipeline.store else None
    if missing is not None:
        package, install = missing
        message = f"the store {redact(pipeline.store or '')} needs the package {package}, which is missing here"
        diagnostics.note("needs-fsspec", message, pipeline.span, hint=f"install it where steps run: {install}")


def _is_process(step: ir.Step) -> bool:
    return step.runner is None or step.runner.name == runners.DEFAULT


def _report_runner(step: ir.Step, dialect: str, diagnostics: Diagnostics) -> None:
    """Report why the step's runner, if it is installed, cannot run it."""
    if step.runner is None or step.runner.name not in runners.names():
        return
    for problem in runners.load(step.runner.name).lacks(step.runner.settings, step.image, dialect):
        diagnostics.error("bad-setting", f"step {step.name!r}: {problem}", step.span)


def _report_template(step: ir.Step, project: Path, diagnostics: Diagnostics) -> None:
    """Report what is wrong with the manifest that a step's pods are based on; workers read it in the project."""
    template = step.runner.settings.get("template") if step.runner is not None and step.runner.name == _PODS else None
    if not isinstance(template, str) or template.startswith("/"):
        return
    if is_missing_file(project / template):
        message = f"step {step.name!r}: the pod template {template!r} is not in {str(project) or '.'}"
        diagnostics.warning("missing-file", message, step.span, hint="create it, or correct its path")
        return
    try:
        templates.read(project / template)
    except UnfitError as error:
        diagnostics.error("bad-setting", f"step {step.name!r}: {error}", step.span)


def _report_names(step: ir.Step, config: Config, diagnostics: Diagnostics, reported: set[tuple[str, str]]) -> None:
    """Report names that no table is for, each once: notes without a ``translator.toml``, else probably mistakes."""
    request = step.request
    report = diagnostics.warning if config.file else diagnostics.note
    for key, name, levels, table in (
        ("environment", request.environment, config.environments, "environments"),
        ("runtime-config-preset", request.preset, config.presets, "presets"),
    ):
        if name is not None and (key, name) not in reported and not matching(levels, name):
            reported.add((key, name))
            message = f"{key} {name!r} has no effect: {_no_table(config)}"
            hint = f'add [{dotted([table, name])}] to {NAME}, for instance with airflow.queue = "gpu"'
            report(f"ignored-{key}", message, request.spans.get(key), hint=hint)
    for group in request.groups:
        _report_group(group, config.groups, step, config, diagnostics)


def _report_group(group: str, levels: Sequence[Level], step: ir.Step, config: Config, diagnostics: Diagnostics) -> None:
    """Report a group of environment variables that no table is for: commands would run without what they need."""
    if matching(levels, group):
        return
    key = "environment-variable-groups"
    message = f"the variables of group {group!r} are not in this file, and {_no_table(config)}"
    hint = f'add [{dotted(["groups", group])}] to {NAME}, with variables.NAME = "value"'
    diagnostics.error(f"unsupported-{key}", message, step.request.spans.get(key), hint=hint)


def _report_mounts(step: ir.Step, diagnostics: Diagnostics) -> None:
    """Report mounts that no runner can make, and those that only the step's own runner cannot make."""
    for mount in step.request.mounts:
        cannot = f"{mount.source} cannot be mounted at {mount.target}"
        if (reason := unfit(mount)) is not None:
            diagnostics.error("bad-mount", f"{cannot}: {reason[0]}", mount.span, hint=reason[1])
        elif (reason := without_mounts(step.runner)) is not None:
            diagnostics.error("unsupported-mounts", f"{cannot}: {reason[0]}", mount.span, hint=reason[1])


def _report_devices(step: ir.Step, diagnostics: Diagnostics) -> None:
    """Report devices that a process does not get by itself."""
    devices = step.resources.devices if step.resources is not None else {}
    requested = ", ".join(f"{name}: {count}" for name, count in devices.items() if count)
    if requested:
        message = f"step {step.name!r} asks for devices, but a process on the worker has none assigned: {requested}"
        hint = f'choose workers that have them (airflow.queue), or write runner = "docker" or "kubernetes", in {NAME}'
        diagnostics.warning("ignored-devices", message, step.request.spans.get("resources", step.span), hint=hint)


def _report_minima(step: ir.Step, diagnostics: Diagnostics) -> None:
    """Report minima of resources without a maximum: only what chooses a machine could use them."""
    wanted = step.resources or ir.Resources()
    for name, (least, most) in (("cpu", wanted.cpu), ("memory", wanted.memory)):
        if least is not None and most is None:
            message = f"the minimum of {name} has no effect: a queue, a pool or a work pool chooses the machine"
            diagnostics.note("ignored-resources", message, step.request.spans.get("resources", step.span))


def _no_table(config: Config) -> str:
    return f"{config.file} has no table for it" if config.file else f"there is no {NAME}"
