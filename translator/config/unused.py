"""Warn of tables whose name looks like a misspelt name of the pipeline file.

A configuration may serve many pipeline files, so a table that matches nothing in one of them need not be a mistake.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from translator.names import closest
from translator.nodes import walk_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from translator import ir
    from translator.config.levels import Config, Level
    from translator.diagnostics import Diagnostics


def check_names(
    config: Config, pipelines: Sequence[ir.Pipeline], names: Iterable[str], diagnostics: Diagnostics
) -> None:
    """Warn of tables for names that the pipeline file almost has.

    Args:
        config: the configuration.
        pipelines: the pipelines of the file that have no errors.
        names: the names of all its pipelines.
        diagnostics: receives the warnings.
    """
    nodes = {pipeline.name: [node for _, node in walk_steps(pipeline.graph)] for pipeline in pipelines}
    every = [node for of_pipeline in nodes.values() for node in of_pipeline]
    _check(config.pipelines, "pipeline", list(names), diagnostics)
    _check(config.steps, "step", [node.step.name for node in every], diagnostics)
    _check(config.nodes, "node", [node.name for node in every], diagnostics)
    _check(config.environments, "environment", [node.step.request.environment or "" for node in every], diagnostics)
    for level in config.pipelines:
        own = [node.name for name, listed in nodes.items() if fnmatchcase(name, level.pattern) for node in listed]
        if own:
            _check(level.nodes, "node", own, diagnostics)


def _check(levels: Iterable[Level], level_kind: str, names: Sequence[str], diagnostics: Diagnostics) -> None:
    for level in levels:
        if any(name == level.pattern or fnmatchcase(name, level.pattern) for name in names):
            continue
        meant = closest(level.pattern, names)
        if meant is not None:
            message = f"no {level_kind} in the file matches {level.pattern!r}"
            diagnostics.warning("unused-setting", message, level.span, hint=f"did you mean {meant!r}?")
