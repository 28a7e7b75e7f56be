"""Find the installed dialects and targets by entry point, so that a package can add one.

An entry point names a module. The module of a dialect contains its ``DIALECT``; the module of a target implements
``translator.targets.Target``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, cast

from translator.errors import TranslatorError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from translator.dialects import Dialect
    from translator.targets import Target

DIALECTS = "translator.dialects"
TARGETS = "translator.targets"


class RegistryError(TranslatorError):
    """A dialect or a target that is not installed, or whose package is broken."""


@cache
def names(group: str) -> tuple[str, ...]:
    """Return the sorted names of the installed entry points of a group."""
    return tuple(sorted(_entry_points(group)))


@cache
def dialect(name: str) -> Dialect:
    """Return the dialect of that name.

    Raises:
        RegistryError: there is none, or its package is broken.
    """
    return cast("Dialect", _load(DIALECTS, name, "dialect").DIALECT)


def dialects() -> tuple[Dialect, ...]:
    """Return all dialects, sorted by name.

    Raises:
        RegistryError: the package of one is broken.
    """
    return tuple(dialect(name) for name in names(DIALECTS))


@cache
def target(name: str) -> Target:
    """Return the target of that name.

    Raises:
        RegistryError: there is none, or its package is broken.
    """
    return cast("Target", _load(TARGETS, name, "target"))


def module_of(name: str) -> str:
    """Return the name of the module or package of an installed dialect."""
    return _entry_points(DIALECTS)[name].module


def targets() -> tuple[Target, ...]:
    """Return all targets, sorted by name.

    Raises:
        RegistryError: the package of one is broken.
    """
    return tuple(target(name) for name in names(TARGETS))


def _load(group: str, name: str, what: str) -> Any:
    from translator.names import did_you_mean

    if name not in names(group):
        raise RegistryError(f"there is no {what} {name!r}", did_you_mean(name, names(group), f"installed {what}s"))
    point = _entry_points(group)[name]
    try:
        loaded = point.load()
    except (ImportError, AttributeError) as error:
        raise RegistryError(f"the {what} {name!r} cannot be loaded: {error}", f"reinstall {point.value}") from None
    return loaded


@cache
def _entry_points(group: str) -> dict[str, EntryPoint]:
    from importlib.metadata import entry_points

    return {point.name: point for point in entry_points(group=group)}
