"""Find the modules of one kind, such as runners: packages of a package of ours, and those that others register."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any


def load(package: str, group: str, name: str) -> Any:
    """Return the module of a name; None if there is none.

    Args:
        package: our package, each package in which is a module of the kind.
        group: the entry point under which other packages register theirs.
        name: the name of the module; one of ours counts first.
    """
    if name in _own(package):
        return import_module(f"{package}.{name}")
    from importlib.metadata import entry_points

    return next((point.load() for point in entry_points(group=group, name=name)), None)


@cache
def names(package: str, group: str) -> tuple[str, ...]:
    """Return the names of all modules of a kind that are installed here."""
    from importlib.metadata import entry_points

    return tuple(sorted(_own(package) | {point.name for point in entry_points(group=group)}))


@cache
def _own(package: str) -> frozenset[str]:
    """Return the names of our modules: each is a package, and modules beside them are what they share."""
    from pkgutil import iter_modules

    return frozenset(module.name for module in iter_modules(import_module(package).__path__) if module.ispkg)
