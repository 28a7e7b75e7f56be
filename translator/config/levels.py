"""Read and validate a configuration file: settings with their places, by level."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from translator.config.catalogue import read_catalogue
from translator.config.keys import ASSETS, GIT_REMOTE, IGNORE, LEVELS, PROJECT_CODE, PROJECT_NAME, SCHEDULE, STORE, WEAK
from translator.config.kinds import Table
from translator.config.runners import check_runners
from translator.config.schema import scope_section, top_section
from translator.config.settings import Setting
from translator.names import did_you_mean
from translator.source import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.config.catalogue import Catalogue
    from translator.config.files import Document
    from translator.config.keys import Section, TargetKeys
    from translator.config.kinds import Kind
    from translator.config.settings import Path, Settings
    from translator.diagnostics import Diagnostics
    from translator.source import Located
    from translator.span import Span


@dataclass(frozen=True, slots=True)
class Level:
    """A table of settings for what has a name: ``[steps.train]``; ``pattern`` is the name or a glob."""

    pattern: str
    span: Span
    settings: Settings
    nodes: Sequence[Level] = ()
    """Of a pipeline, those for its nodes."""


@dataclass(frozen=True, slots=True)
class Config:
    """A validated configuration file; levels are in the order of the file."""

    file: str
    defaults: Settings = field(default_factory=dict)
    pipelines: Sequence[Level] = ()
    groups: Sequence[Level] = ()
    environments: Sequence[Level] = ()
    presets: Sequence[Level] = ()
    steps: Sequence[Level] = ()
    nodes: Sequence[Level] = ()
    ignore: tuple[str, ...] = ()
    """The codes of findings to leave out."""
    catalogue: Catalogue | None = None
    git_remote: str | None = None
    """The Git repository of the project."""


NO_CONFIG = Config("")
"""The configuration where there is no file."""


def read_config(document: Document, targets: Mapping[str, TargetKeys], diagnostics: Diagnostics) -> Config:
    """Read a configuration file.

    Args:
        document: the file.
        targets: by name of an installed target, its keys.
        diagnostics: receives all that is wrong with it.
    """
    root = document.table
    scope = scope_section(targets, whole=True)
    misplaced = {name: f"write [{dotted((*document.above, 'defaults', name))}]" for name in scope.names}
    where = f"[{dotted(document.above)}]" if document.above else document.name
    _check_keys(root, top_section(), where, diagnostics, hints=misplaced)
    reader = _Reader(document, targets, diagnostics)
    levels = {name: tuple(reader.levels(name)) for name in LEVELS if name != "defaults"}
    defaults = root.get("defaults")
    return Config(
        document.text.path,
        reader.settings(defaults, scope, ("defaults",)) if defaults is not None else {},
        **levels,
        ignore=reader.ignored(),
        catalogue=read_catalogue(document, diagnostics),
        git_remote=reader.git_remote(),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    """The surroundings of the tables that are read."""

    document: Document
    targets: Mapping[str, TargetKeys]
    found: Diagnostics

    def ignored(self) -> tuple[str, ...]:
        """Return the codes of findings to leave out."""
        value = self.document.table.get(IGNORE.name)
        codes = IGNORE.kind.read(value, IGNORE.name, self.found) if value is not None else ()
        return tuple(str(code) for code in codes) if isinstance(codes, tuple) else ()

    def git_remote(self) -> str | None:
        """Return the Git repository of the project, if the file names it."""
        value = self.document.table.get(GIT_REMOTE.name)
        return None if value is None else str(GIT_REMOTE.kind.read(value, GIT_REMOTE.name, self.found)) or None

    def levels(self, name: str) -> Iterator[Level]:
        """Yield the tables below a level's: those for one pipeline, environment, step or node each."""
        table = self.document.table.get(name)
        if table is not None and table.entries is None:
            self._not_a_table(table, name)
        section = scope_section(self.targets, whole=name == "pipelines")
        for pattern, below in (table.entries or {}).items() if table else ():
            path = (name, pattern)
            nodes = below.get("nodes") if name == "pipelines" else None
            if nodes is not None and nodes.entries is None:
                self._not_a_table(nodes, dotted((*path, "nodes")))
            yield Level(
                pattern,
                table.key_span(pattern) if table else below.span,
                self.settings(below, section, path, ignored=("nodes",) if name == "pipelines" else ()),
                tuple(
                    Level(
                        node,
                        nodes.key_span(node),
                        self.settings(of_node, scope_section(self.targets, whole=False), (*path, "nodes", node)),
                    )
                    for node, of_node in (nodes.entries or {}).items()
                )
                if nodes is not None
                else (),
            )

    def settings(self, table: Located, section: Section, path: Path, ignored: Sequence[str] = ()) -> Settings:
        """Return the settings of a table.

        Args:
            table: the table.
            section: what it may hold.
            path: the table's own path in the file.
            ignored: keys that are read elsewhere.
        """
        level = dotted((*self.document.above, *path))
        settings = dict(self._flat(table, section, (), level, ignored))
        if path[0] in WEAK:
            settings = {name: replace(setting, weak=True) for name, setting in settings.items()}
        check_runners(settings, self.found)
        return settings

    def _flat(
        self, table: Located, section: Section, path: Path, level: str, ignored: Sequence[str] = ()
    ) -> Iterator[tuple[Path, Setting]]:
        """Yield the settings of a table by path; what is wrong with them is reported."""
        where = dotted(path) or level
        if table.entries is None:
            self._not_a_table(table, where)
            return
        shown = f"{dotted(path)!r} of [{level}]" if path else f"[{level}]"
        _check_keys(table, section, shown, self.found, ignored, self._misplaced(path))
        for name, value in table.entries.items():
            below = (*path, name)
            if name in section.tables:
                yield from self._flat(value, section.tables[name], below, level)
            elif key := section.key(name):
                yield from self._values(value, key.kind, below, level, table.key_span(name))

    def _values(self, value: Located, kind: Kind, path: Path, level: str, span: Span) -> Iterator[tuple[Path, Setting]]:
        """Yield the setting of a key, or one for each key of a table that is merged key by key."""
        read = kind.read(value, dotted(path), self.found)
        if isinstance(kind, Table) and value.entries is not None:
            for name, item in value.entries.items():
                yield from self._values(item, kind.of, (*path, name), level, value.key_span(name))
            return
        yield path, Setting(read, span, level)

    def _misplaced(self, path: Path) -> Mapping[str, str]:
        """Return hints for keys that only other tables have."""
        hint = "it goes into [defaults] or [pipelines.NAME]"
        if not path:
            return dict.fromkeys((STORE.name, PROJECT_CODE.name, PROJECT_NAME.name, ASSETS.name, SCHEDULE), hint)
        keys = self.targets.get(path[0]) if len(path) == 1 else None
        return {keys.workflow_table: hint} if keys else {}

    def _not_a_table(self, value: Located, name: str) -> None:
        self.found.error("bad-setting", f"{name!r} must be a table", value.span, hint=f"write [{name}]")


def _check_keys(  # noqa: PLR0913, PLR0917 - what is known of a table
    table: Located,
    section: Section,
    label: str,
    diagnostics: Diagnostics,
    ignored: Sequence[str] = (),
    hints: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Report keys that a table does not have."""
    known = [*section.names, *ignored]
    for name in table.entries or {}:
        if name not in known:
            hint = hints.get(name) or did_you_mean(name, known, "known keys")
            diagnostics.error("unknown-setting", f"unknown key {name!r} in {label}", table.key_span(name), hint=hint)
