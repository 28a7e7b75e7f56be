"""Build one script from a list of separate commands.

The items run in order in one shell, so that ``cd``, variables and background processes persist; the first that fails
ends the script with its exit status. Each item is a separate ``eval``: what is complete by itself (here-documents,
comments at the end, ``cmd &``, ``cmd;``, ``a || b``) stays so, and ``set -e``, ``exit``, ``trap`` and ``$?`` work in it
as they do in a script.
"""

from __future__ import annotations

import re
import shlex
from pathlib import PurePath
from typing import TYPE_CHECKING

from translator.shim.process.shell import Flaw, flaw

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "mksh", "zsh"})
# Do not use "|| exit", which would disable "set -e" within the item.
_CHECK = "case $? in 0) ;; *) exit $? ;; esac"
_CHANGES_SYNTAX = re.compile(r"\b(?:shopt|setopt|unsetopt|emulate|alias)\b")
"""Commands after which a shell may accept an item that it rejected before."""

_SHOWN = 60


def is_shell(interpreter: Sequence[str]) -> bool:
    """Return whether a shebang's program is a shell with the syntax of ``sh``."""
    names = [PurePath(word).name for word in interpreter]
    if names[:1] == ["env"]:
        names = [name for name in names[1:] if not name.startswith("-") and "=" not in name]
    return bool(names) and names[0] in _SHELLS


def script(commands: Sequence[str], *, shell: bool = True) -> str:
    """Return the script that runs ``commands``, without blank ones; a single one unchanged.

    Args:
        commands: the items of the list.
        shell: whether a shell runs them; another interpreter gets them as consecutive lines.
    """
    commands = [command for command in commands if command.strip()]
    if len(commands) == 1 or not shell:
        return "\n".join(commands)
    lines = []
    for command in commands:
        # eval would treat a word that begins with "-" as an option.
        lines += [f"eval {shlex.quote(command if not command.startswith('-') else f' {command}')}", _CHECK]
    return "\n".join(lines[:-1])


def check(commands: Sequence[str], interpreter: Sequence[str]) -> None:
    """Check that each of several commands is complete.

    Args:
        commands: the items as the shell gets them.
        interpreter: the shell that runs them, and decides.

    Raises:
        ValueError: a command is incomplete; the message names it.
    """
    last = max((number for number, command in enumerate(commands, start=1) if command.strip()), default=0)
    if last == 1:
        return  # the shell itself reports what is wrong with a single command
    for number, command in enumerate(commands, start=1):
        problem = flaw(tuple(interpreter), command)
        if problem is not None and not (problem.accepted and number == last):
            raise ValueError(message(number, command, problem))
        if _CHANGES_SYNTAX.search(command):
            return


def message(number: int, command: str, problem: Flaw) -> str:
    """Return a message about an incomplete item for the user."""
    shown = command if len(command) <= _SHOWN else f"{command[:_SHOWN]}…"
    return (
        f"item {number} of the command is incomplete: {problem.text}: {shown!r}; "
        "write the whole command in one item (YAML: '- |')"
    )
