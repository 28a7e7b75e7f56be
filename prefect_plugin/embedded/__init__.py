"""Run a generated flow once, in a private Prefect of its own: ``python -m prefect_plugin.embedded FILE ...``.

Nothing of the user's Prefect is read or changed: its profile, its server and its database stay as they are. What the
steps print goes to standard output, what Prefect says to ``prefect.log`` in the private home. The exit status is 0 if
the run is complete, 1 if not, and 2 if the flow cannot be run as asked.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
import sys
import traceback
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, cast

from prefect_plugin.embedded import private_server
from translator.shim.embedded import database, quiet, slots
from translator.shim.embedded.command_line import environment, parser
from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from prefect import Flow, State

DATABASE = "prefect.db"
LOG = "prefect.log"
_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
    # Nobody looks into this server, and storing a line takes a millisecond, a task run some.
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # It takes 20 s of one core, which are minutes on a busy machine.
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "900",
    "PREFECT_SERVER_UI_ENABLED": "false",
}


class UsageError(TranslatorError):
    """A flow that cannot run as requested; the message is for the user."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a flow according to the command line, and return the exit status."""
    options = parser(__name__, "Prefect", __doc__).parse_args(arguments)
    home = options.home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]
    os.environ.update(
        _SETTINGS | environment(options),
        PREFECT_HOME=str(home),
        PREFECT_PROFILES_PATH=str(home / "profiles.toml"),
    )
    slots.limit(options.jobs)
    with quiet(home / LOG) as errors:
        try:
            return _run(options.file, home, json.loads(options.param_json))
        except UsageError as error:
            print(f"error: {error}", file=errors)
            return 2
        except private_server.ServerError as error:  # its log ends with the reason, which a traceback would hide
            print(f"error: {error}", file=errors)
            return 1
        except KeyboardInterrupt:
            return 1
        except Exception as error:  # noqa: BLE001 - the user sees one line, the log has the rest
            traceback.print_exc()
            print(f"error: Prefect could not run {options.file.name}: {error}", file=errors)
            return 1


def _run(file: Path, home: Path, values: Mapping[str, Any]) -> int:
    from prefect.exceptions import ParameterTypeError
    from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

    from prefect_plugin.embedded.arguments import ArgumentError, arguments_of

    gc.disable()  # collections would take a fifth of the time in which Prefect is loaded
    flow = _load(file)
    gc.freeze()
    gc.enable()
    try:
        arguments = arguments_of(flow, values)
        flow.validate_parameters(arguments)
    except (ArgumentError, ParameterTypeError) as error:
        raise UsageError(str(error)) from error
    if not (home / DATABASE).exists():
        # Without it, the server creates the database when it starts.
        with contextlib.suppress(subprocess.CalledProcessError):
            database.prepare(home / DATABASE, "prefect", [f"prefect=={version('prefect')}"], _migrate)
    private_server.start()
    # The heartbeat is not used here, and would make every flow end a second later.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        state: State[Any] = cast("Any", flow)(**arguments, return_state=True)
    return 0 if state.is_completed() else 1


def _migrate() -> None:
    """Create Prefect's database as its server would when it starts.

    It runs in another process, because the server's modules take seconds to load, and a flow does not need them.
    """
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)


def _load(file: Path) -> Flow[..., Any]:
    """Return the flow in a generated file."""
    from importlib.util import module_from_spec, spec_from_file_location

    from prefect import Flow

    spec = spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise UsageError(f"flow file {file} does not exist")
    module = module_from_spec(spec)
    sys.modules[file.stem] = module
    spec.loader.exec_module(module)
    flows = [value for value in vars(module).values() if isinstance(value, Flow)]
    if len(flows) != 1:
        raise UsageError(f"{file} defines {len(flows)} flows, not one", "write each flow to its own file")
    return flows[0]
