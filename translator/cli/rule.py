"""Explain the codes of findings (``translate rule``)."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from translator.cli.exit_status import OK, UsageError
from translator.cli.parser import Parser
from translator.cli.printing import print_json
from translator.diagnostics import columns
from translator.rules import matching, rules, unknown_code_hint
from translator.rules.text import as_text, command, files

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.rules import Rule


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    args = parser().parse(argv)
    chosen: dict[str, Rule] = {}
    for code in args.codes:
        matching_rules = matching(code)
        if not matching_rules:
            raise UsageError(f"there is no code {code!r}; {unknown_code_hint(code)}")
        chosen |= {rule.code: rule for rule in matching_rules}
    if args.format == "json":
        shown = chosen or rules()
        print_json([_object(rule) for rule in shown.values()])
    elif chosen:
        sys.stdout.write("\n".join(as_text(rule) for rule in chosen.values()))
    else:
        table = [(rule.code, ", ".join(rule.severities), rule.meaning) for rule in rules().values()]
        sys.stdout.write("".join(f"{line}\n" for line in columns(table)))
    return OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("rule", "Explain the codes of findings: meaning, remedy and example.", page="diagnostics")
    arguments.add_argument(
        "codes", metavar="CODE", nargs="*", help="a code, or a pattern such as 'unknown-*' (default: list all codes)"
    )
    arguments.add_argument("--format", choices=("text", "json"), default="text", help="output format (default: text)")
    return arguments


def _object(rule: Rule) -> dict[str, Any]:
    example = rule.example
    return {
        "code": rule.code,
        "severities": list(rule.severities),
        "meaning": rule.meaning,
        "remedy": rule.remedy,
        "example": None if example is None else {"command": command(example), "files": dict(files(example))},
    }
