"""Print the JSON Schema of a pipeline language or of ``translator.toml``, for editors (``translate schema``)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from translator import registry
from translator.cli.exit_status import OK, UsageError
from translator.cli.parser import Parser
from translator.cli.printing import print_json
from translator.config.files import NAME as SETTINGS
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    args = parser().parse(argv)
    known = schemas()
    if args.name is None:
        sys.stdout.write("".join(f"{name}\n" for name in known))
        return OK
    if args.name not in known:
        hint = did_you_mean(args.name, known, "schemas")
        raise UsageError(f"there is no schema {args.name!r}", hint)
    print_json(known[args.name]())
    return OK


def schemas() -> Mapping[str, Callable[[], Mapping[str, Any]]]:
    """Return the functions that write schemas, by name."""
    dialects = {one.name: one.json_schema for one in registry.dialects() if one.json_schema is not None}
    return {**dialects, SETTINGS: _settings}


def _settings() -> Mapping[str, Any]:
    from translator.config.schema import json_schema

    return json_schema({target.NAME: target.SETTINGS for target in registry.targets()})


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("schema", "Print a JSON Schema, which lets editors check and complete files.", page="editors")
    named = f"a language, or {SETTINGS} (default: list all schemas)"
    arguments.add_argument("name", metavar="NAME", nargs="?", help=named)
    return arguments
