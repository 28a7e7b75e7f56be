"""Define the arguments of the commands that ``translate run`` starts: ``python -m PLUGIN.embedded FILE ...``."""

from __future__ import annotations

import argparse
from pathlib import Path

from translator.shim import variables


def parser(module: str, engine: str, description: str | None) -> argparse.ArgumentParser:
    """Return the parser of the arguments.

    Args:
        module: the module that is run.
        engine: the name of the engine, as people write it.
        description: what it does.
    """
    arguments = argparse.ArgumentParser(prog=f"python -m {module}", description=description)
    arguments.add_argument("file", type=Path, help="the generated file")
    arguments.add_argument("--store", required=True, metavar="URI", help="URI of the artifact store")
    arguments.add_argument("--run", required=True, metavar="ID", help="id of the run in the store")
    elsewhere = "directory of the source file (default: what the generated file names)"
    arguments.add_argument("--project", type=Path, metavar="DIR", help=elsewhere)
    arguments.add_argument("--home", type=Path, required=True, metavar="DIR", help=f"temporary home for {engine}")
    arguments.add_argument("--jobs", type=int, default=1, metavar="N", help="maximum number of concurrent executions")
    arguments.add_argument("--param-json", default="{}", metavar="JSON", help='values by "NAME" or "NODE.PARAMETER"')
    return arguments


def environment(options: argparse.Namespace) -> dict[str, str]:
    """Return the variables that tell the plugin where the run reads and writes."""
    project = {variables.PROJECT: str(options.project.resolve())} if options.project is not None else {}
    return {variables.STORE: options.store, variables.RUN: options.run, variables.PRIVATE: "1", **project}
