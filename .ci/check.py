"""Run every check of the project, five in parallel, with one line per check and the full text of those that fail.

Run it as ``make test``. Arguments choose checks by name: ``.venv/dev/bin/python .ci/check.py types airflow``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def python(environment: str) -> str:
    """Return the interpreter of one of the project's environments."""
    return str(ROOT / ".venv" / environment / "bin" / "python")


def pytest(environment: str, *arguments: str) -> list[str]:
    """Return the command for pytest in one of the project's environments, on existing directories."""
    return [python(environment), "-m", "pytest", "-q", "--durations=5", *arguments]


def mypy(environment: str, *packages: str) -> list[str]:
    """Return the command for mypy of ``.venv/dev`` with the packages, and types, of ``environment``."""
    targets = [part for package in packages for part in ("-p", package)]
    cache = f"--cache-dir=.mypy_cache/{environment}"
    silent = [] if environment == "dev" else ["--follow-imports=silent"]
    return [python("dev"), "-m", "mypy", f"--python-executable={python(environment)}", cache, *silent, *targets]


def mypy_of_goldens(target: str) -> list[str]:
    """Return the command for mypy on the files generated for a target, with the settings and cache of its plugin."""
    # Of the packages come the callables that settings name.
    # A flow of several runs imports the flow beside it.
    path = f"MYPYPATH=tests/goldens/packages:tests/goldens/{target}/training"
    # Files of the same name are modules of the directories that they are in.
    return ["env", path, *mypy(target), "--explicit-package-bases", f"tests/goldens/{target}"]


@dataclass(frozen=True, slots=True)
class Check:
    """A command that must exit with 0."""

    name: str
    commands: tuple[list[str], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a check; ``processor`` are the seconds of processor time of its processes that it waited for."""

    check: Check
    passed: bool
    seconds: float
    processor: float
    output: str

    @property
    def summary(self) -> str:
        """Return the last line the check printed."""
        lines = [line.strip(" =") for line in self.output.splitlines() if line.strip(" =")]
        return lines[-1] if lines else ""

    @property
    def skipped(self) -> Counter[str]:
        """Return how many tests were skipped, by reason."""
        counted: Counter[str] = Counter()
        for number, reason in re.findall(r"^SKIPPED \[(\d+)\] \S+ (.+)$", self.output, re.MULTILINE):
            counted[reason] += int(number)
        return counted


LANES = 5
"""Checks with an engine wait half of the time, those of pods more, so that on two cores there is room for five."""

WORKERS = 2 * (os.cpu_count() or 1)
"""Processes that run tests without an engine: many of these wait for processes of their own."""

# Those that use most of a core beside those that wait, and the longest first: so that no core is idle at the end.
CHECKS = (
    Check(
        "scheduler",
        (pytest("airflow", "-m", "scheduler", "tests/airflow", "--ignore=tests/airflow/dataflow"),),
    ),
    Check("prefect", (pytest("prefect", "tests/prefect", "--ignore=tests/prefect/dataflow"),)),
    Check(
        "pods",
        (
            [
                *(python("dev"), "-m", "tests.cluster"),
                *pytest("dev", "-n", "2", "--dist", "loadgroup", "-m", "pods", "tests/shim/runners"),
            ],
        ),
    ),
    Check(
        "dev",
        (
            pytest(
                "dev",
                "-n",
                str(WORKERS),
                "--dist",
                "loadgroup",
                "-m",
                "not pods",
                "tests",
                *(f"--ignore=tests/{part}" for part in ("airflow", "prefect", "parity")),
            ),
        ),
    ),
    Check("parity", (pytest("dev", "tests/parity"),)),
    Check("airflow", (pytest("airflow", "-m", "not scheduler and not celery", "tests/airflow"),)),
    Check("scheduler-dataflow", (pytest("airflow", "-m", "scheduler", "tests/airflow/dataflow"),)),
    Check("prefect-dataflow", (pytest("prefect", "tests/prefect/dataflow"),)),
    Check("celery", (pytest("airflow", "-m", "celery", "tests/airflow"),)),
    Check("examples", tuple(pytest(engine, "tests/examples") for engine in ("airflow", "prefect"))),
    Check(
        "types",
        (
            mypy("dev", "translator"),
            mypy("airflow", "airflow_plugin"),
            mypy("prefect", "prefect_plugin"),
            mypy_of_goldens("airflow"),
            mypy_of_goldens("prefect"),
        ),
    ),
    Check(
        "lint", ([python("dev"), "-m", "ruff", "check", "."], [python("dev"), "-m", "ruff", "format", "--check", "."])
    ),
)


def run(check: Check) -> Result:
    """Run the commands of a check one after the other; all of them, also when one fails."""
    print(f"  ....  {check.name}", flush=True)
    start = time.monotonic()
    passed, output, processor = True, "", 0.0
    # Threads of NumPy that wait for each other would take the cores from the other checks.
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OPENBLAS_NUM_THREADS": "1"}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    for command in check.commands:
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process:
            output += process.stdout.read() if process.stdout is not None else ""
            _, status, used = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        passed = passed and process.returncode == 0
        processor += used.ru_utime + used.ru_stime
    return Result(check, passed, time.monotonic() - start, processor, output)


def report(result: Result) -> None:
    """Print one line for a check, after all it printed if it failed."""
    if not result.passed:
        print(f"\n----- {result.check.name} -----\n{result.output}-----\n")
    mark = "ok  " if result.passed else "FAIL"
    took = f"{result.seconds:6.0f} s, {result.processor:4.0f} s of CPU"
    print(f"  {mark}  {result.check.name:<18} {took}  {result.summary}", flush=True)
    for reason, number in result.skipped.items():
        print(f"        skipped {number}: {reason}", flush=True)


def main(names: list[str]) -> int:
    """Run the named checks, or all; the exit status says whether all passed."""
    unknown = set(names) - {check.name for check in CHECKS}
    if unknown:
        print(f"unknown check: {', '.join(sorted(unknown))}; there are {', '.join(c.name for c in CHECKS)}")
        return 2
    start = time.monotonic()
    with ThreadPoolExecutor(max_workers=LANES) as lanes:
        futures: list[Future[Result]] = []
        for check in CHECKS:
            if not names or check.name in names:
                future = lanes.submit(run, check)
                future.add_done_callback(lambda done: report(done.result()))
                futures.append(future)
        results = [future.result() for future in futures]
    failed = [result.check.name for result in results if not result.passed]
    took = f"in {time.monotonic() - start:.0f} s"
    if failed:
        print(f"\nFAILED: {', '.join(failed)} ({len(results) - len(failed)} of {len(results)} checks passed, {took})")
        return 1
    print(f"\nAll {len(results)} checks passed {took}.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
