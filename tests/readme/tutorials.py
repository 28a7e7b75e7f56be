"""Follow the tutorials: type their commands into bash, and compare what they print with what the page shows."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.readme.blocks import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

SERVERS = ("airflow standalone", "prefect server start")
"""Commands for a second terminal; in tests, the engine of the fixture runs instead."""
_FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_DURATION = re.compile(r"\b\d+(\.\d+)? (s|min|h)\b")
_HOME = "/home/you"


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of a page."""

    language: str
    text: str


def blocks(name: str) -> list[Block]:
    """Return the fenced blocks of a tutorial."""
    text = (ROOT / "docs" / "tutorials" / f"{name}.md").read_text(encoding="utf-8")
    return [Block(language, block) for language, block in _FENCED.findall(text)]


@dataclass(frozen=True, slots=True)
class Reader:
    """Someone who follows a tutorial in an empty home directory.

    Attributes:
        home: the home directory.
        environment: the environment variables of the shell.
        api: the address of a running Prefect server, in place of that in the tutorial.
        before: is called before each block.
    """

    home: Path
    environment: Mapping[str, str]
    api: str = ""
    before: Callable[[str], None] = field(default=lambda _: None)

    def follow(self, name: str) -> None:
        """Run each block of commands; check outputs, and that excerpts occur in the files.

        Raises:
            AssertionError: the page does not show what happens.
        """
        printed = ""
        for block in blocks(name):
            if block.language == "bash":
                self.before(block.text)
                printed = self._run(block.text)
            elif block.language == "text":
                self._compare(block.text, printed)
            else:
                assert any(block.text in text for text in self._files()), block.text

    def _run(self, commands: str) -> str:
        typed = "\n".join(line for line in commands.splitlines() if line not in SERVERS)
        typed = typed.replace("http://127.0.0.1:4200/api", self.api)
        state, place = self.home / "variables", self.home / "place"
        script = f"[ -e {state} ] && . {state}; [ -e {place} ] && cd $(cat {place}); set -e\n{typed}\n"
        done = subprocess.run(
            ["bash", "-c", f"{script}pwd > {place}; export -p > {state}"],
            cwd=self.home,
            env=dict(self.environment) | {"HOME": str(self.home)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{typed}\n{done.stdout}{done.stderr}"
        return done.stdout

    def _compare(self, shown: str, printed: str) -> None:
        """Check that the lines of a page occur in this order in what a block printed."""
        lines = iter([self._plain(line) for line in printed.splitlines()])
        for line in shown.splitlines():
            assert self._plain(line) in lines, f"missing: {line}\n{printed}"

    def _plain(self, line: str) -> str:
        """Return a line without what differs from run to run."""
        return " ".join(_DURATION.sub("", line.replace(str(self.home), _HOME)).split())

    def _files(self) -> Iterator[str]:
        for pattern in ("training/*.y*ml", "training/flows/*.py", "airflow/dags/*.py"):
            for file in self.home.glob(pattern):
                yield file.read_text(encoding="utf-8")
