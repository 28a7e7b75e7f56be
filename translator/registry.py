"""Find the installed dialects and targets by entry point, so that a package can add one.

An entry point names a module. The module of a dialect contains its ``DIALECT``; the module of a target implements
``translator.targets.Target``.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from translator import entry_points
from translator.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.dialects import Dialect
    from translator.targets import Target

DIALECTS = "translator.dialects"
TARGETS = "translator.targets"


class RegistryError(TranslatorError):
    """A dialect or a target that is not installed, or whose package is broken."""


@cache
def names(group: str) -> tuple[str, ...]:
    """Return the sorted names of the installed entry points of a group."""
    return tuple(sorted(_modules(group)))


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
    return _modules(DIALECTS)[name]


def targets() -> tuple[Target, ...]:
    """Return all targets, sorted by name.

    Raises:
        RegistryError: the package of one is broken.
    """
    return tuple(target(name) for name in names(TARGETS))


def _load(group: str, name: str, kind: str) -> Any:
    from translator.names import did_you_mean

    if name not in names(group):
        raise RegistryError(f"there is no {kind} {name!r}", did_you_mean(name, names(group), f"installed {kind}s"))
    module = _modules(group)[name]
    try:
        return import_module(module)
    except ImportError as error:
        raise RegistryError(f"the {kind} {name!r} cannot be loaded: {error}", f"reinstall {module}") from None


@cache
def _modules(group: str) -> Mapping[str, str]:
    """Return the modules of a group by the names of their entry points."""
    return entry_points.modules(group)
