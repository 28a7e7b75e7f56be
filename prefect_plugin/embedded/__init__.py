"""Run a generated flow once, in a private Prefect of its own: ``python -m prefect_plugin.embedded FILE ...``.

Nothing of the user's Prefect is read or changed: its profile, its server and its database stay as they are. What the
steps print goes to standard output, what Prefect says to ``prefect.log`` in the private home. The exit status is 0 if
the run is complete, 1 if not, and 2 if the flow cannot be run as asked.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from typing import TYPE_CHECKING, Any, cast

from prefect_plugin.embedded import private_server
from translator.shim.embedded import quiet, slots
from translator.shim.embedded.command_line import environment, parser
from translator.shim.embedded.loading import without_collections
from translator.shim.errors import TranslatorError
from translator.shim.process.environment import without_proxy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from prefect import Flow, State

    from prefect_plugin.embedded.private_server import PrivateServer

LOG = "prefect.log"
_SETTINGS = {
    "DO_NOT_TRACK": "1",
    "PREFECT_CLI_PROMPT": "false",
    # Nobody looks into this server, and storing a line takes a millisecond, a task run some.
    "PREFECT_LOGGING_TO_API_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
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
        _SETTINGS | environment(options) | without_proxy(os.environ),  # Prefect's client obeys proxies
        PREFECT_HOME=str(home),
        PREFECT_PROFILES_PATH=str(home / "profiles.toml"),
    )
    slots.limit(options.jobs)
    with quiet(home / LOG) as errors:
        try:
            server = private_server.start()
            os.environ["PREFECT_API_URL"] = server.url
            return _run(options.file, server, json.loads(options.param_json))
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


def _run(file: Path, server: PrivateServer, values: Mapping[str, Any]) -> int:
    with without_collections():
        from prefect.exceptions import ParameterTypeError
        from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

        from prefect_plugin.embedded.arguments import ArgumentError, arguments_of

        flow = _load(file)
    try:
        arguments = arguments_of(flow, values)
        flow.validate_parameters(arguments)
    except (ArgumentError, ParameterTypeError) as error:
        raise UsageError(str(error)) from error
    server.wait()
    # The heartbeat is not used here, and would make every flow end a second later.
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        state: State[Any] = cast("Any", flow)(**arguments, return_state=True)
    return 0 if state.is_completed() else 1


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
