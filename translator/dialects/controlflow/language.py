"""Define the differences between Magnus and runnable as data.

The engines check a file with pydantic models that forbid unknown keys; the tables here say the same: which kinds of
steps there are, and for each the keys with what they may hold.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from translator.ir import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(StrEnum):
    """The possible kinds of a key's value, as messages name them."""

    TEXT = "a string"
    TEXTS = "a list of strings"
    TEXT_MAP = "a mapping of strings"
    MAPPING = "a mapping"
    WHOLE = "an integer"
    FLAG = "true or false"
    RETURNS = "a list of mappings with 'name'"


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a mapping and the kinds of its value; ``filled`` text must not be empty."""

    kind: Kind
    required: bool = False
    filled: bool = False
    nullable: bool = False
    least: int | None = None


Keys = MappingProxyType[str, Key]


@dataclass(frozen=True, slots=True)
class Language:
    """One of the two languages.

    ``ends`` are the implicit ends of every graph; None if each graph must have one explicit ``success`` and one
    ``fail`` step. ``types`` has the keys of each type of step besides those of ``traversal``, and ``commands`` those of
    each kind of command. ``no_types`` and ``no_commands`` explain why others are missing. ``binary``: values 1 and
    true of a task's keys are read as the string "1", 0 and false as "0", as runnable does.
    """

    name: str
    title: str
    types: Mapping[str, Keys]
    commands: Mapping[str, Keys]
    catalog: Keys
    prefix: str
    ends: Mapping[str, Outcome] | None = None
    no_types: Mapping[str, str] = field(default_factory=dict)
    no_commands: Mapping[str, str] = field(default_factory=dict)
    binary: bool = False


def _keys(**keys: Key) -> Keys:
    return MappingProxyType(keys)


TEXT = Key(Kind.TEXT)
_NEEDED = Key(Kind.TEXT, required=True)
_FILLED = Key(Kind.TEXT, required=True, filled=True)
_BRANCHES = Key(Kind.MAPPING, required=True)

TRAVERSAL = _keys(next=_FILLED, on_failure=TEXT, overrides=Key(Kind.TEXT_MAP))
"""The keys of every step except the ends of a graph."""
EXECUTABLE = _keys(catalog=Key(Kind.MAPPING, nullable=True), max_attempts=Key(Kind.WHOLE, least=1))
"""The additional keys of tasks and stubs."""
RESERVED = ("name", "internal_name", "internal_branch_name", "is_composite", "next_node", "node_type", "executable")
"""Fields of the engines' own models that a file could overwrite, without a sensible result."""

ENDS: Mapping[str, Outcome] = MappingProxyType({"success": Outcome.COMPLETE, "fail": Outcome.ERROR})
"""The types of the steps that end a graph."""

_CATALOG = _keys(get=Key(Kind.TEXTS), put=Key(Kind.TEXTS))
_MAP = _keys(branch=_BRANCHES, iterate_on=_NEEDED, iterate_as=_NEEDED)
_NOTEBOOK_04 = "since Magnus 0.5, write the keys of 'command_config' directly in the step"

MAGNUS = Language(
    name="magnus",
    title="Magnus",
    types=MappingProxyType(
        {
            "task": EXECUTABLE,
            "stub": EXECUTABLE,
            "parallel": _keys(branches=_BRANCHES),
            "map": _MAP,
            "dag": _keys(dag_definition=_NEEDED),
        }
    ),
    commands=MappingProxyType(
        {
            "python": _keys(command=_FILLED),
            "shell": _keys(command=_FILLED),
            "notebook": _keys(
                command=_FILLED,
                notebook_output_path=TEXT,
                output_cell_tag=TEXT,
                optional_ploomber_args=Key(Kind.MAPPING),
            ),
        }
    ),
    catalog=_CATALOG,
    prefix="MAGNUS_",
    no_types=MappingProxyType(
        {
            "conditional": "only runnable has conditional steps (--dialect runnable)",
            "loop": "only runnable has loops (--dialect runnable)",
        }
    ),
    no_commands=MappingProxyType(
        {
            "container": "Magnus 0.5 has no container tasks; start the container in a shell task",
            "python-lambda": "Magnus 0.5 has no lambda tasks; put the expression into a function",
            "async-python": "only runnable has async tasks",
        }
    ),
)

_TASK = {"returns": Key(Kind.RETURNS), "secrets": Key(Kind.TEXTS)}

RUNNABLE = Language(
    name="runnable",
    title="runnable",
    types=MappingProxyType(
        {
            "task": EXECUTABLE,
            "stub": EXECUTABLE,
            "parallel": _keys(branches=_BRANCHES),
            "map": _keys(**_MAP, reducer=Key(Kind.TEXT, nullable=True)),
            "conditional": _keys(parameter=_NEEDED, branches=_BRANCHES, default=Key(Kind.MAPPING, nullable=True)),
            "loop": _keys(
                branch=_BRANCHES,
                max_iterations=Key(Kind.WHOLE, required=True),
                break_on=_NEEDED,
                index_as=_FILLED,
            ),
        }
    ),
    commands=MappingProxyType(
        {
            "python": _keys(command=_NEEDED, **_TASK),
            "shell": _keys(command=_NEEDED, **_TASK),
            "notebook": _keys(command=_FILLED, optional_ploomber_args=Key(Kind.MAPPING), **_TASK),
        }
    ),
    catalog=_keys(**_CATALOG, store_copy=Key(Kind.FLAG)),
    prefix="RUNNABLE_",
    ends=ENDS,
    no_types=MappingProxyType(
        {
            "dag": "only Magnus has 'dag' steps; since runnable 0.36 a file cannot include another",
            "as-is": "since runnable 0.11 this is 'type: stub'",
        }
    ),
    no_commands=MappingProxyType(
        {
            "async-python": "runnable cannot run async tasks from a YAML file; use a synchronous function",
            "container": "runnable has no container tasks; start the container in a shell task",
        }
    ),
    binary=True,
)

LANGUAGES: Mapping[str, Language] = MappingProxyType({one.name: one for one in (MAGNUS, RUNNABLE)})

LEGACY_TYPES = ("as-is",)
"""The types of stubs in Magnus 0.4."""
LEGACY_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "executor_config": "it only configures Magnus's executors",
        "retry": "Magnus never retries steps",
    }
)
"""Keys of tasks in Magnus 0.4 that have no effect on the result."""
REFUSED_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "compute_data_folder": "Magnus 0.5 does not support this key; include the directory in the patterns",
        "command_config": _NOTEBOOK_04,
    }
)
"""Keys of Magnus 0.4 that change what a step does, with their replacement."""
