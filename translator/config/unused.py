"""Warn of tables whose name looks like a misspelt name of the pipeline file.

A configuration may serve many pipeline files, so a table that matches nothing in one of them need not be a mistake.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from translator.config.keys import ASSETS
from translator.config.resolve import below
from translator.names import closest, did_you_mean
from translator.nodes import walk_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from translator import ir
    from translator.config.levels import Config, Level
    from translator.diagnostics import Diagnostics


def check_names(
    config: Config, pipelines: Sequence[ir.Pipeline], names: Iterable[str], diagnostics: Diagnostics
) -> None:
    """Warn of tables for names that the pipeline file almost has, and report assets of nodes that do not exist.

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
        _check_assets(level, [one for one in pipelines if fnmatchcase(one.name, level.pattern)], diagnostics)


def _check(levels: Iterable[Level], level_kind: str, names: Sequence[str], diagnostics: Diagnostics) -> None:
    for level in levels:
        if any(name == level.pattern or fnmatchcase(name, level.pattern) for name in names):
            continue
        meant = closest(level.pattern, names)
        if meant is not None:
            message = f"no {level_kind} in the file matches {level.pattern!r}"
            diagnostics.warning("unused-setting", message, level.span, hint=f"did you mean {meant!r}?")


def _check_assets(level: Level, pipelines: Sequence[ir.Pipeline], diagnostics: Diagnostics) -> None:
    """Report assets of nodes that none of the pipelines of a table has: nothing would ever update them."""
    nodes = {node.name for one in pipelines for node in (*one.nodes, *(one.part.left_out if one.part else ()))}
    for path, setting in below(level.settings, ASSETS.name) if pipelines else ():
        if path[0] not in nodes:
            inner = any(path[0] == node.name for one in pipelines for _, node in walk_steps(one.graph))
            message = f"{level.pattern!r} has no node {path[0]!r} that could update an asset"
            hint = "name the node around it" if inner else did_you_mean(path[0], sorted(nodes), "its nodes")
            diagnostics.error("unknown-node", message, setting.span, hint=hint)
