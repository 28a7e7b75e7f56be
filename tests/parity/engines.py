"""Run scenarios on both engines, each in its own process and environment."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator import registry
from translator.history.comparison import differences
from translator.load import load
from translator.semantics import Rules
from translator.targets import GenerateOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.strategies import Scenario
    from translator.ir import Pipeline

ROOT = Path(__file__).parents[2]
ENGINES = ("airflow", "prefect")


def python_of(engine: str) -> Path:
    """Return the interpreter of the environment with the engine: this one, if it has it."""
    own = Path(sys.executable) if find_spec(engine) else ROOT / ".venv" / engine / "bin" / "python"
    return Path(os.environ.get(f"TRANSLATOR_{engine.upper()}_PYTHON", own))


@dataclass
class Engine:
    """A process that runs generated files; ``log`` has what it and the runs print."""

    name: str
    process: subprocess.Popen[str]
    home: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    """Variables of the runs to come, beside those of this process."""

    def run(self, arguments: list[str]) -> int:
        """Run a generated file; arguments and exit status are those of the plugin's embedded mode."""
        self.begin(arguments)
        return self.end()

    def begin(self, arguments: list[str]) -> int:
        """Begin to run a generated file; return the process that does."""
        assert self.process.stdin
        self.process.stdin.write(json.dumps([dict(self.environment), *arguments]) + "\n")
        self.process.stdin.flush()
        return self._reply()

    def end(self) -> int:
        """Wait until the file that was begun has run; return the exit status."""
        return self._reply()

    def _reply(self) -> int:
        assert self.process.stdout
        reply = self.process.stdout.readline()
        assert reply, f"the process of {self.name} died:\n{self.tail()}"
        return int(json.loads(reply))

    def tail(self, lines: int = 60) -> str:
        logs = [path for path in (self.home / "airflow.log", self.log) if path.exists()]
        return "\n".join(line for path in logs for line in path.read_text(errors="replace").splitlines()[-lines:])


@contextmanager
def started(name: str, folder: Path, packages: Path | None = None) -> Iterator[Engine]:
    """Start an engine in a private home below ``folder``, which has what is in the directory ``packages``, too."""
    home = folder / "home"
    (home / "dags").mkdir(parents=True)
    log = folder / "log.txt"
    worker = [str(python_of(name)), str(Path(__file__).with_name("worker.py")), name, str(home)]
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": os.pathsep.join(str(path) for path in (packages, ROOT) if path)}
    environment |= {"ORACLE_PLACE": "source"}  # what Loom files of tests ask for
    environment |= {"FSSPEC_LOCAL_AUTO_MKDIR": "true"}  # an object store at local:// needs no directories
    with log.open("w") as errors:
        process = subprocess.Popen(
            worker,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=folder,
            env=environment,
        )
    try:
        yield Engine(name, process, home, log)
    finally:
        assert process.stdin
        process.stdin.close()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Ran:
    """A run that ended: its record, the engine's own verdict as an exit status, the run's directory in the store."""

    engine: str
    document: dict[str, Any]
    status: int
    folder: Path
    rules: Rules


_numbers = itertools.count(1)


def run(engine: Engine, scenario: Scenario, folder: Path, jobs: int) -> Ran:
    """Compile a scenario in a fresh ``folder`` and run it."""
    project = folder / "project"
    pipeline = load(scenario.write(project)).choose()
    pipeline, document, status, of_run = run_pipeline(
        engine, pipeline, project, folder / "store", scenario.values, jobs=jobs
    )
    rules = Rules(pipeline, scenario.values, scenario.oracle, scenario.missing)
    return Ran(engine.name, document, status, of_run, rules)


def run_pipeline(
    engine: Engine,
    pipeline: Pipeline,
    project: Path,
    store: Path,
    values: Mapping[str, Any],
    *,
    jobs: int = 1,
    name: str | None = None,
    scheme: str = "",
    fetched: str | None = None,
) -> tuple[Pipeline, dict[str, Any], int, Path]:
    """Run a pipeline as ``translate run`` does.

    Args:
        engine: a running engine.
        pipeline: the pipeline.
        project: the directory of its file.
        store: the artifact store.
        values: values of parameters.
        jobs: the number of tasks that Airflow runs at once; each takes it a second or two of CPU to prepare for.
        name: the name of the pipeline (default: one that no other run has).
        scheme: what makes a URI of the store's path.
        fetched: what stands for ``project``, as a generated file names it; the directory need not exist then.

    Returns:
        The pipeline with the name that it ran under, its record, the engine's verdict as an exit status, and the run's
        directory in the store.
    """
    number = next(_numbers)
    # Its own name for each run, so that no engine takes one for a new version of another.
    pipeline = replace(pipeline, name=name or f"{pipeline.name} {number}")
    target = registry.target(engine.name)
    # Airflow's bundle of DAG files is the file of the first run, for as long as the process lives.
    file = engine.home / "dags" / ("dag.py" if engine.name == "airflow" else target.file_name(pipeline))
    options = GenerateOptions(project=os.path.relpath(project, file.parent), fetched=fetched)
    file.write_text(target.generate(pipeline, options))
    command = target.run_command(
        file,
        store=f"{scheme}{store}",
        run=f"run-{number}",
        project=project,
        parameters=values,
        home=engine.home,
        jobs=jobs if engine.name == "airflow" else 16,
    )
    assert command[:2] == [sys.executable, "-m"]
    if fetched is not None:
        at = next(number for number, word in enumerate(command) if word.startswith("--project"))
        del command[at : at + (1 if "=" in command[at] else 2)]
    try:
        status = engine.run(command[3:])
    finally:
        file.unlink()
    records = list(store.rglob(f"run-{number}/run.json"))
    assert len(records) == 1, f"{engine.name} left {len(records)} records, status {status}:\n{engine.tail()}"
    document = json.loads(records[0].read_text())
    assert document["pipeline"] == pipeline.name
    assert document["run"] == f"run-{number}"
    assert document["engine"] == engine.name
    return pipeline, document, status, records[0].parent


def run_on_all(engines: list[Engine], scenario: Scenario, folder: Path, *, jobs: int = 1) -> list[Ran]:
    """Run a scenario on every engine at once; ``jobs`` is the number of tasks that Airflow runs at once."""
    with ThreadPoolExecutor(len(engines)) as lanes:
        started = [lanes.submit(run, engine, scenario, folder / engine.name, jobs) for engine in engines]
    return [ran.result() for ran in started]


def complete_alike(
    engines: list[Engine], pipeline: Pipeline, project: Path, folder: Path, **options: Any
) -> dict[str, Any]:
    """Run a pipeline on both engines at once, check that it is complete with equal records, and return one of them."""

    def record(engine: Engine) -> dict[str, Any]:
        _, document, status, _ = run_pipeline(engine, pipeline, project, folder / engine.name, {}, **options)
        assert (status, document["state"]) == (0, "complete"), engine.tail()
        return {**document, "pipeline": ""}

    with ThreadPoolExecutor() as lanes:
        one, other = lanes.map(record, engines)
    assert differences(one, other) == []
    return one
