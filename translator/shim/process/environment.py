"""Build the environment of a step's command: the worker's, without the engine's variables.

A step sees PATH, HOME, locale, proxies, CUDA settings, cloud credentials: whatever the worker was started with. It does
not see the variables of Airflow, of Prefect and of this shim: they hold connections, keys and addresses that are the
engine's, and a step that started Airflow or Prefect itself would write into the run's own database. A name that the
step's ``required_environment`` lists passes nevertheless. If the worker runs in a virtual environment that is not on
PATH (services are started without activating it), its programs come first, so that ``python`` is the worker's.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Variables of the engines, of this shim, and of an execution in which the worker itself may run.
INTERNAL = ("AIRFLOW_", "_AIRFLOW_", "__AIRFLOW_", "PREFECT_", "__PREFECT_", "TRANSLATOR_", "VH_")

LOOPBACK = "127.0.0.1"
"""The address of this machine that only its own programs reach."""


def of_step(worker: Mapping[str, str], required: Sequence[str]) -> dict[str, str]:
    """Return the environment that a step inherits.

    Args:
        worker: the worker's environment.
        required: names that the step inherits even if they belong to the engine.
    """
    kept = {name: value for name, value in worker.items() if not name.startswith(INTERNAL) or name in required}
    programs = str(Path(sys.prefix) / "bin")
    path = kept.get("PATH", os.defpath)
    if sys.prefix != sys.base_prefix and programs not in path.split(os.pathsep):
        kept["PATH"] = f"{programs}{os.pathsep}{path}"
    return kept


def missing(required: Sequence[str], *environments: Mapping[str, str]) -> list[str]:
    """Return the required names that have no value in any of the environments."""
    return [name for name in required if not any(environment.get(name) for environment in environments)]


def without_proxy(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that name the hosts to reach without a proxy, with this machine among them.

    Most programs read only one of the two, so one that is not set gets the hosts of the other.

    Args:
        variables: the environment variables so far.
    """
    hosts = {}
    for name, other in (("NO_PROXY", "no_proxy"), ("no_proxy", "NO_PROXY")):
        known = [host.strip() for host in variables.get(name, variables.get(other, "")).split(",") if host.strip()]
        hosts[name] = ",".join(known if {"*", LOOPBACK} & {*known} else [*known, LOOPBACK])
    return hosts
