"""Kill the worker of a run at random moments, and resume the run.

The end must be that of an undisturbed run, and nothing that was complete may run twice. ``make kills N=100`` does it N
times on each engine.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.parity.engines import ENGINES, python_of
from translator.history.comparison import differences

KILLS = int(os.environ.get("TRANSLATOR_KILLED_RUNS", "0"))
SEED = int(os.environ.get("TRANSLATOR_KILLED_RUNS_SEED", "0"))
LONGEST = 600
TEXT = """\
- step:
    name: prepare
    image: i
    command: sh work.sh prepare 0
- step:
    name: other
    image: i
    command: sh work.sh other 0
- step:
    name: train
    image: i
    command: sh work.sh train {parameter-value:n}
    parameters: [{name: n, type: integer, default: 0}]
    inputs: [{name: data}]
- step:
    name: sum
    image: i
    command: sh work.sh sum 0
    inputs: [{name: data}]
- task:
    name: grid
    step: train
    type: grid_search
    parameters: [{name: n, style: multiple, rules: {items: [1, 2, 3, 4]}}]
- pipeline:
    name: Killed
    nodes:
      - {name: prepare, type: execution, step: prepare}
      - {name: other, type: execution, step: other}
      - {name: train, type: task, task: grid}
      - {name: sum, type: execution, step: sum}
    edges: [[prepare.output.*, train.input.data], [train.output.*, sum.input.data], [other.output.*, sum.input.data]]
"""
SCRIPT = """\
echo "$1 $2" > RAN/$1-$2-$(date +%s-%N)
sleep 0.4
{ echo "$1 $2"; cat $VH_INPUTS_DIR/data/* 2>/dev/null; } | sort > $VH_OUTPUTS_DIR/$1-$2.txt
echo "{\\"n\\": $2}"
"""


class Project:
    """A project, whose commands say that they ran, and its store."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.engine = engine
        self.ran, self.store, self.project = (folder / name for name in ("ran", "store", "project"))
        for directory in (self.ran, self.project):
            directory.mkdir(parents=True)
        (self.project / "valohai.yaml").write_text(TEXT)
        (self.project / "work.sh").write_text(SCRIPT.replace("RAN", str(self.ran)))

    def start(self, *options: str) -> subprocess.Popen[str]:
        command = [str(python_of(self.engine).with_name("translate")), "run", str(self.project / "valohai.yaml")]
        command += ["--target", self.engine, "--store", str(self.store), *options]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        )

    def run(self, *options: str) -> dict[str, Any]:
        """Run it to its end; return ``run.json``."""
        process = self.start(*options)
        said, _ = process.communicate(timeout=LONGEST)
        assert process.returncode == 0, said
        record = max(self.store.glob("Killed/*/run.json"), key=lambda path: path.stat().st_mtime)
        return dict(json.loads(record.read_text()))

    def commands(self) -> dict[str, int]:
        """Return how often each command has been started."""
        found: dict[str, int] = {}
        for file in self.ran.iterdir():
            text = file.read_text().strip()
            found[text] = found.get(text, 0) + 1
        return found

    def complete(self) -> set[str]:
        """Return the commands of executions whose manifest says complete."""
        found = set()
        for path in self.store.glob("Killed/*/*/*/try-*/manifest.json"):
            node, index = path.parts[-4:-2]
            if json.loads(path.read_text())["state"] == "complete":
                found.add(f"{node} {int(index) + 1 if node == 'train' else 0}")
        return found


def begun(project: Project, process: subprocess.Popen[str]) -> float:
    """Wait until the first command runs; return when that was."""
    deadline = time.monotonic() + LONGEST
    while not any(project.ran.iterdir()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return time.monotonic()


def children(process: int) -> list[int]:
    """Return the processes that a process has started, and those that these have."""
    direct = [
        int(stat.parent.name)
        for stat in Path("/proc").glob("[0-9]*/stat")
        if (fields := _fields(stat)) and int(fields[1]) == process
    ]
    return [*direct, *(below for child in direct for below in children(child))]


def _fields(stat: Path) -> list[str]:
    try:
        return stat.read_text().rpartition(")")[2].split()
    except OSError:
        return []


@pytest.mark.skipif(KILLS == 0, reason="make kills N=...")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_that_is_killed_is_resumed(engine: str, tmp_path: Path) -> None:
    if not python_of(engine).exists():
        pytest.skip(f"no environment with {engine}")
    undisturbed = Project(tmp_path / "undisturbed", engine)
    process = undisturbed.start()
    first = begun(undisturbed, process)
    said, _ = process.communicate(timeout=LONGEST)
    assert process.returncode == 0, said
    lasts = time.monotonic() - first
    (record,) = undisturbed.store.glob("Killed/*/run.json")
    expected = json.loads(record.read_text())
    for number in range(KILLS):
        rng = random.Random(f"{SEED}/{engine}/{number}")  # noqa: S311 - it chooses moments
        kill(Project(tmp_path / str(number), engine), expected, rng, lasts)


def kill(project: Project, expected: dict[str, Any], rng: random.Random, lasts: float) -> None:
    """Kill a run at a random moment, once or twice, resume it, and compare."""
    options: tuple[str, ...] = ()
    whom = "?"
    for _ in range(rng.choice((1, 1, 2))):
        process = project.start(*options)
        if not options:
            begun(project, process)
        else:
            while process.poll() is None and not children(process.pid):
                time.sleep(0.02)
        time.sleep(rng.uniform(0, lasts if not options else 2 * lasts))
        started = children(process.pid)
        whom = rng.choice(("translate", "engine", "all"))
        for victim in {"translate": [process.pid], "engine": started[:1], "all": [process.pid, *started]}[whom]:
            try:
                os.kill(victim, signal.SIGKILL)
            except ProcessLookupError:
                continue
        process.communicate(timeout=LONGEST)
        deadline = time.monotonic() + 60
        while any(_fields(Path(f"/proc/{one}/stat"))[:1] not in ([], ["Z"]) for one in started):
            assert time.monotonic() < deadline, f"{whom} was killed, but its processes still run"
            time.sleep(0.05)
        if any(project.store.glob("Killed/*")):
            options = ("--resume",)
    complete, commands = project.complete(), project.commands()
    record = project.run(*options)
    assert differences(expected, record) == [], whom
    again = {name for name, count in project.commands().items() if count > commands.get(name, 0)}
    assert again & complete == set(), f"{whom} was killed, and what was complete ran again"
    assert again == {*project.commands()} - complete
