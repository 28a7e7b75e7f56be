"""Look up connections in the engine that is installed beside the command."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from translator import entry_points
from translator.cli.exit_status import UsageError
from translator.shim.masking.uris import redact_text

if TYPE_CHECKING:
    from translator.shim.contract import Connection

GROUP = "translator.connections"
"""The entry point of an engine's module with a ``lookup``, which returns a connection by its name, or None."""


def lookup(name: str) -> Connection | None:
    """Return the connection with that name.

    Raises:
        UsageError: no engine is installed here, or the one that is does not know it.
    """
    engines = []
    for engine, module in entry_points.modules(GROUP).items():
        try:
            connection: Connection | None = import_module(module).lookup(name)
        except ImportError:
            continue
        except Exception as error:  # those of the engine, of its API and of its secrets
            reason = redact_text(str(error).partition("\n")[0]) or type(error).__name__
            raise UsageError(
                f"the connection {name!r} cannot be looked up in {engine.capitalize()}: {reason}"
            ) from error
        if connection is not None:
            return connection
        engines.append(engine.capitalize())
    reason = (
        f"{' and '.join(engines)} here {'do' if len(engines) > 1 else 'does'} not know it"
        if engines
        else "no engine is installed here"
    )
    raise UsageError(
        f"the connection {name!r} cannot be looked up, because {reason}: "
        "run the command in the environment of a worker, or name credentials with --kubeconfig"
    )
