"""Choose the engine of a run among those that are installed."""

from __future__ import annotations

from importlib.util import find_spec
from typing import TYPE_CHECKING

from translator import registry
from translator.cli.exit_status import UsageError

if TYPE_CHECKING:
    from translator.targets import Target


def is_installed(target: Target) -> bool:
    """Return whether the engine of a target is installed; a directory of the same name does not count."""
    found = find_spec(target.MODULE)
    return found is not None and found.origin is not None


def engine(name: str | None) -> Target:
    """Return the target with a name, or else that of the only installed engine.

    Raises:
        TranslatorError: there is no target of that name; or no name, and not exactly one engine is installed.
    """
    if name is not None:
        return registry.target(name)
    installed = [target for target in registry.targets() if is_installed(target)]
    if len(installed) == 1:
        return installed[0]
    if installed:
        names = " and ".join(target.NAME for target in installed)
        raise UsageError(f"{names} are installed in this environment; choose one with --target")
    ways = " or ".join(f'"{target.INSTALL}"' for target in registry.targets())
    raise UsageError(f"no engine is installed in this environment: pip install {ways}")


def require(target: Target) -> None:
    """Check that the engine of a target is installed.

    Raises:
        UsageError: it is not.
    """
    if is_installed(target):
        return
    others = [other.NAME for other in registry.targets() if other.NAME != target.NAME and is_installed(other)]
    # The dependencies of the engines conflict, so pip would break the one that is there.
    where = f"; it has {' and '.join(others)}. In another virtual environment" if others else ""
    raise UsageError(f'{target.NAME} is not installed in this environment{where}: pip install "{target.INSTALL}"')
