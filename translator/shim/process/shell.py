"""Ask a shell whether a command is complete, without running it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from subprocess import CompletedProcess

_SIGN = r"[^\s'\"\\`$()<>&|;{}!#]"
_WORD = rf"(?:{_SIGN}|\{{[\w:-]+\}})+"
_SIMPLE = rf"{_SIGN}(?:{_WORD})?(?:[ \t]+{_WORD})*"
_PLAIN = re.compile(rf"\s*{_SIMPLE}(?:[ \t]+&&[ \t]+{_SIMPLE})*\s*")
_RESERVED = re.compile(
    r"\b(?:if|then|elif|else|fi|for|select|while|until|do|done|case|esac|in|function|time|coproc)\b|\[\["
)
_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Flaw:
    """A reason why a command is incomplete; ``accepted``: a shell would still run it as the last command."""

    text: str
    accepted: bool = False


def is_plain(command: str) -> bool:
    """Return whether a command is obviously complete in every shell: words, possibly with ``&&`` between them."""
    return not command.strip() or (_PLAIN.fullmatch(command) is not None and _RESERVED.search(command) is None)


@lru_cache(maxsize=4096)
def flaw(interpreter: tuple[str, ...], command: str) -> Flaw | None:
    """Return why a command is not complete; None if it is, or if the shell cannot be asked.

    Args:
        interpreter: the shell that reads the command.
        command: an item of a list of commands.
    """
    if is_plain(command):
        return None
    read = _read(interpreter, command)
    if read is None:
        return None
    if _refuses(read):
        return Flaw(f"{PurePath(interpreter[0]).name} says: {_complaint(read.stderr)}")
    continued = command.endswith("\\")
    if not continued and "<<" not in command:
        return None
    # A shell rejects "fi" on its own line, unless that line still belongs to the command.
    swallowed = _read(interpreter, f"{command}\nfi")
    if swallowed is None or _refuses(swallowed):
        return None
    return Flaw("it ends with a backslash" if continued else "a here-document is not terminated", accepted=True)


def _refuses(read: CompletedProcess[bytes]) -> bool:
    """Return whether a shell that has read a text complains; zsh exits with 1 after ``! command``, and says nothing."""
    return read.returncode > 0 and bool(read.stderr)


def _read(interpreter: tuple[str, ...], text: str) -> CompletedProcess[bytes] | None:
    """Let a shell parse a text; return None if the shell is missing, crashes or takes too long."""
    import subprocess  # needed only for commands with the syntax of a shell, and slow to import

    # Even when it only reads, zsh looks for the program of "=program", which need not be on this machine.
    options = ("-o", "noequals") if any(PurePath(word).name == "zsh" for word in interpreter) else ()
    try:
        read = subprocess.run(
            [*interpreter, "-n", *options],
            input=text.encode("utf-8", "surrogatepass"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return read if read.returncode >= 0 else None


def _complaint(stderr: bytes) -> str:
    """Return the first line of a shell's complaint without its name and the number of the line."""
    first = stderr.decode("utf-8", "replace").splitlines()[0]
    return re.sub(r"^[^ ]+: (?:line )?(?:\d+: )?(?i:syntax error: )?", "", first)
