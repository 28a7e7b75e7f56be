"""Run a pipeline in a terminal, and print the address of a page that shows the terminal, as one line of JSON.

``pyte`` is the terminal: it keeps the screen that ``translate run`` draws. The page shows it when most can be seen.
"""

from __future__ import annotations

import json
import os
import pty
import select
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pyte
from rich.console import Console
from rich.style import Style
from rich.text import Text

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "valohai"
COMMAND = 'translate run valohai.yaml --pipeline "Training Pipeline" --param train.epochs=200,400'
WIDTH, HEIGHT = 96, 15
PATIENCE = 600
PAGE = """\
<!doctype html>
<meta charset="utf-8">
<style>
  body {{ margin: 0; background: #16191f; }}
  pre {{ margin: 18px 22px; color: #e6e6e6; font: 15px/1.35 "DejaVu Sans Mono", monospace; }}
</style>
<pre>{code}</pre>
"""


def main(folder: Path) -> None:
    """Run the pipeline until the screen shows complete and running executions with metrics."""
    screen = pyte.Screen(WIDTH, HEIGHT)
    follow(screen, folder)
    page = folder / "terminal.html"
    page.write_text(html(screen), encoding="utf-8")
    print(json.dumps({"translate-run": page.as_uri()}), flush=True)
    sys.stdin.read()


def follow(screen: pyte.Screen, folder: Path) -> None:
    """Draw what the command prints, until the screen is worth a picture."""
    project = shutil.copytree(EXAMPLE, folder / "digits")
    programs = ROOT / ".venv" / "prefect" / "bin"
    environment = {name: value for name, value in os.environ.items() if name not in {"LC_ALL", "LC_CTYPE", "NO_COLOR"}}
    environment |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "COLUMNS": str(WIDTH), "LINES": str(HEIGHT)}
    environment["PATH"] = f"{programs}{os.pathsep}{environment['PATH']}"
    ours, theirs = pty.openpty()
    command = shlex.split(COMMAND)
    with subprocess.Popen(command, cwd=project, stdin=theirs, stdout=theirs, stderr=theirs, env=environment) as run:
        os.close(theirs)
        stream = pyte.ByteStream(screen)
        while not is_telling(screen):
            if not select.select([ours], [], [], PATIENCE)[0]:
                raise TimeoutError("the run prints nothing")
            stream.feed(os.read(ours, 1 << 16))
        run.terminate()
        with suppress(OSError):  # it has ended
            while os.read(ours, 1 << 16):  # else its last lines would have no room in the terminal
                pass


def is_telling(screen: pyte.Screen) -> bool:
    """Return whether executions are complete, and others run and print metrics."""
    executions = [line for line in screen.display if "[" in line]
    complete = [line for line in executions if "✓" in line]
    running = [line for line in executions if "accuracy=" in line and "✓" not in line]
    return len(complete) > 1 and len(running) > 1


def html(screen: pyte.Screen) -> str:
    """Return a page with the command and the screen."""
    console = Console(record=True, width=WIDTH, file=open(os.devnull, "w"))  # noqa: SIM115, PTH123
    console.print(Text.assemble(("$ ", "green"), (COMMAND, "bold")))
    for line in range(HEIGHT):
        console.print(text(screen, line))
    return console.export_html(inline_styles=True, code_format=PAGE)


def text(screen: pyte.Screen, line: int) -> Text:
    """Return a line of the screen with its colours."""
    shown = Text()
    for column in range(WIDTH):
        sign = screen.buffer[line][column]
        color = None if sign.fg == "default" else sign.fg.replace("brown", "yellow")
        shown.append(sign.data, Style(color=color, bold=sign.bold))
    shown.rstrip()
    return shown


if __name__ == "__main__":
    main(Path(sys.argv[1]))
