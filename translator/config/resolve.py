"""Decide which settings count for a pipeline and for each of its nodes, and where each comes from."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from translator.nodes import walk_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from translator import ir
    from translator.config.levels import Config, Level
    from translator.config.settings import Path, Setting, Settings
    from translator.ir import Json


@dataclass(frozen=True, slots=True)
class Resolved:
    """The settings of a pipeline: those that all of it has, and by path of a node all that it has."""

    pipeline: Settings
    nodes: Mapping[tuple[str, ...], Settings]


def resolve(config: Config, pipeline: ir.Pipeline) -> Resolved:
    """Return the settings that count for a pipeline."""
    of_pipeline = matching(config.pipelines, pipeline.name)
    whole = settings_of_pipeline(config, pipeline.name)
    nodes = {}
    for path, node in walk_steps(pipeline.graph):
        request = node.step.request
        levels = [
            *(level for group in request.groups for level in matching(config.groups, group)),
            *matching(config.environments, request.environment),
            *matching(config.presets, request.preset),
            *matching(config.steps, node.step.name),
            *matching(config.nodes, node.name),
            *(one for level in of_pipeline for one in matching(level.nodes, node.name)),
        ]
        nodes[path] = _merged([whole, *(level.settings for level in levels)])
    return Resolved(whole, nodes)


def settings_of_pipeline(config: Config, name: str | None) -> Settings:
    """Return the settings that all of a pipeline has; without its name, those of every pipeline."""
    return _merged([config.defaults, *(level.settings for level in matching(config.pipelines, name))])


def matching(levels: Iterable[Level], name: str | None) -> Sequence[Level]:
    """Return the levels for a name, the weakest first: globs in the order of the file, then the name itself."""
    if name is None:
        return ()
    exact = [level for level in levels if level.pattern == name]
    return [*(level for level in levels if level.pattern != name and fnmatchcase(name, level.pattern)), *exact]


def _merged(weakest_first: Iterable[Settings]) -> Settings:
    merged: dict[Path, Setting] = {}
    for settings in weakest_first:
        merged.update(settings)
    return merged


def nested(settings: Iterable[tuple[Path, Setting]]) -> dict[str, Json]:
    """Return the values of settings as tables in tables."""
    root: dict[str, Json] = {}
    for path, setting in settings:
        table = root
        for key in path[:-1]:
            table = table.setdefault(key, {})  # type: ignore[assignment]  # a table of ours
        table[path[-1]] = setting.value
    return root


def below(settings: Settings, *path: str) -> Iterator[tuple[Path, Setting]]:
    """Yield the settings below a path, by the rest of theirs."""
    for key, setting in settings.items():
        if key[: len(path)] == path and len(key) > len(path):
            yield key[len(path) :], setting
