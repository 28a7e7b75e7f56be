"""Read the shell blocks of README.md, in the order in which a reader types them."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SHELLS = tuple(shell for shell in ("bash", "zsh") if shutil.which(shell))
NOT_COPIED = shutil.ignore_patterns(
    ".venv", ".git", "__pycache__", ".*cache", "artifacts", ".demo", ".fuzz", ".hypothesis"
)

_BLOCK = re.compile(r"^```bash\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def blocks(title: str) -> list[str]:
    """Return the blocks of a section."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (section,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## )", text, re.DOTALL | re.MULTILINE)
    return _BLOCK.findall(section)


def commands(block: str) -> list[str]:
    """Return the commands of a block, those over several lines in one piece."""
    return [line for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def ends_with(status: int, command: str) -> str:
    """Return the line of a script that demands another exit status than 0 of a command."""
    return f"{command} && exit 9 || test $? = {status}"


def runs_engine(command: str) -> bool:
    """Return whether a command starts an engine."""
    return shlex.split(command)[:2] == ["translate", "run"]


def reads_run(command: str) -> bool:
    """Return whether a command needs a past run."""
    words = shlex.split(command)
    return words[:1] == ["translate"] and words[1:2] in (["show"], ["logs"], ["outputs"], ["compare"])
