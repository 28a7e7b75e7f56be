"""Describe where each node of a pipeline runs: its runner, and what the engine's settings say of the machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import walk_steps
from translator.shim import runners
from translator.shim.json_values import thawed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from translator.config.keys import TargetKeys


def node_runners(pipeline: ir.Pipeline, targets: Mapping[str, TargetKeys]) -> Iterator[str]:
    """Yield a line for each node that runs a step: its runner, image and resources, and what a target says of it.

    Args:
        pipeline: the pipeline with its settings.
        targets: by name, the keys of the targets to name.
    """
    for path, node in walk_steps(pipeline.graph):
        parts = [_of_step(node.step)]
        for name, keys in targets.items():
            settings = {**pipeline.settings.get(name, {}), **node.settings.get(name, {})}
            assignments = [f"{key}={json.dumps(thawed(settings[key]))}" for key in keys.where if key in settings]
            if assignments:
                parts.append(f"{name}: {', '.join(assignments)}")
        yield f"{'.'.join(path)}: {'; '.join(parts)}"


def _of_step(step: ir.Step) -> str:
    """Return the runner of a step, or the deployer of a deployment, and what it is given."""
    if step.deployment is not None:
        from translator.shim import deployers  # few pipelines deploy

        deployer = step.runner.name if step.runner is not None else deployers.DEFAULT
        return f"deployer {deployer}"
    name = step.runner.name if step.runner is not None else runners.DEFAULT
    if name == runners.DEFAULT:
        where = "a process on the worker"
    else:
        where = f"{name}, image {step.image}" if step.image else name
    needs = step.resources or ir.Resources()
    cpu, memory = needs.cpu[1], needs.memory[1]
    listed = [
        *([f"{cpu:g} CPU"] if cpu is not None else []),
        *([f"{memory:g} MB"] if memory is not None else []),
        *(f"{count} {device}" for device, count in needs.devices.items()),
    ]
    return f"{where} ({', '.join(listed)})" if listed else where
