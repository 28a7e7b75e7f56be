"""Define the keys of ``translator.toml``: one table for validation, the JSON Schema and the documentation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.config.kinds import Kind


@dataclass(frozen=True, slots=True)
class Key:
    """A key: its name, the kind of its values, and a sentence for the documentation."""

    name: str
    kind: Kind
    doc: str


@dataclass(frozen=True, slots=True)
class Section:
    """A table of keys, and of tables with keys of their own."""

    doc: str
    keys: tuple[Key, ...] = ()
    tables: Mapping[str, Section] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all keys and tables."""
        return (*(key.name for key in self.keys), *self.tables)

    def key(self, name: str) -> Key | None:
        """Return the key of that name."""
        return next((key for key in self.keys if key.name == name), None)


@dataclass(frozen=True, slots=True)
class TargetKeys:
    """The keys that a target takes from the table of its name in ``translator.toml``.

    ``node`` are those that a node may have: arguments of its task. ``workflow`` are those of the pipeline as a whole,
    in a table called ``named`` ("dag"). ``name_key`` is the one of them that names the workflow, which an option of the
    command line does as well.
    """

    node: tuple[Key, ...] = ()
    workflow: tuple[Key, ...] = ()
    named: str = "workflow"
    name_key: str = ""

    def section(self, target: str, *, whole: bool) -> Section:
        """Return the target's table.

        Args:
            target: the target's name.
            whole: whether it is at a level that whole pipelines have.
        """
        tables = {}
        if whole and self.workflow:
            tables[self.named] = Section(f"Arguments of the {self.named.upper()} itself.", self.workflow)
        return Section(f"Settings for {target.capitalize()}.", self.node, tables)


LEVELS = ("defaults", "pipelines", "environments", "steps", "nodes")
"""The tables that hold settings, the weakest first; those of a pipeline's own ``nodes`` are stronger than all."""
WHOLE = ("defaults", "pipelines")
"""The levels that whole pipelines have."""
