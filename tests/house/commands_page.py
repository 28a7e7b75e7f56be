"""Write docs/commands.md: every command and its options, from the parsers."""

from __future__ import annotations

import re
import textwrap
from argparse import SUPPRESS
from typing import TYPE_CHECKING

from translator.cli.commands import SECTIONS, TRANSLATE, Command
from translator.cli.completion import parser_of

if TYPE_CHECKING:
    from argparse import Action
    from collections.abc import Iterator


def page() -> str:
    """Return the page of all commands and their options."""
    lines = [
        "# Commands",
        "",
        "The commands and their options, as `translate COMMAND --help` shows them. `translate` lists the commands.",
        "",
        "Exit status: 0 for success, 1 for errors in a file and failed runs, 2 for a wrong command line, 130 after",
        "Ctrl-C.",
    ]
    for title, members in {"translating": (TRANSLATE,), **SECTIONS}.items():
        lines += ["", f"## {title.capitalize()}"]
        for command in members:
            lines += _command(command)
    return "\n".join(lines) + "\n"


def _command(command: Command) -> Iterator[str]:
    name = "" if command is TRANSLATE else command.name
    parser = parser_of(name)
    heading = f"translate {name}".rstrip()
    yield from ("", f"### {heading}" if name else f"### {heading} FILE", "")
    yield from ("```", re.sub(r"\s+", " ", parser.format_usage().removeprefix("usage: ")).strip(), "```", "")
    # The command without a name also lists all others.
    yield from _prose((parser.description or "").partition("\n\n" if command is TRANSLATE else "\0")[0])
    for group in parser._action_groups:
        actions = [one for one in group._group_actions if one.help != SUPPRESS and one.dest != "help"]
        if not actions:
            continue
        title = {"positional arguments": "argument"}.get(group.title or "", (group.title or "").removesuffix("s"))
        yield from ("", f"| {title} | effect |", "|---|---|")
        for action in actions:
            effect = parser._get_formatter()._expand_help(action)
            yield f"| {_flags(action)} | {_cell(effect)} |"


def _flags(action: Action) -> str:
    names = list(action.metavar) if isinstance(action.metavar, tuple) else [action.metavar or action.dest.upper()]
    if not action.option_strings:
        return f"`{names[0]}`"
    value = "" if action.nargs == 0 else f" {names[0]}"
    if action.nargs == "+":
        value = f" {names[0]} [{names[0]} ...]"
    return ", ".join(f"`{_cell(option + value)}`" for option in sorted(action.option_strings, key=len, reverse=True))


def _prose(text: str) -> Iterator[str]:
    """Yield a description; its indented paragraphs are code."""
    for number, paragraph in enumerate(text.strip("\n").split("\n\n")):
        code = paragraph.startswith("  ")
        yield from [""] * bool(number)
        yield from ["```"] * code
        yield textwrap.dedent(paragraph)
        yield from ["```"] * code


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
