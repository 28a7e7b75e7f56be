"""Check what every runner gives an execution, also one whose command is hostile.

Each check has its own worker, runs steps on it, and yields what is wrong.
"""

from __future__ import annotations

import os
import signal
import sys
import sysconfig
import zipfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from translator.conformance.runners.worker import Sleeper, waited
from translator.shim import runners
from translator.shim.contract import Input, Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from translator.conformance.runners.worker import Worker

    Check: TypeAlias = "Callable[[Worker], Iterator[str]]"

_SCRIPT = """\
with open("/valohai/inputs/data/data.csv") as file:
    print(file.read())
with open("/valohai/outputs/model", "w") as file:
    file.write("m")
"""


def hardcoded_paths(worker: Worker) -> Iterator[str]:
    """Check that a script that names /valohai finds it, or the execution fails before its command starts."""
    worker.file("train.py", _SCRIPT)
    worker.file("data.csv", "1,2")
    ran = worker.run("echo began; python3 train.py", inputs=[Input("data", ["data.csv"])])
    if ran.complete:
        if (ran.output, ran.outputs) != (["began", "1,2"], ["model"]):
            yield f"the script does not find its directories: {ran}"
    elif ran.output:
        yield f"the command started although its script cannot find its directories: {ran}"
    if Path("/valohai/outputs/model").exists():
        yield "the script wrote to /valohai of the worker"


def directories(worker: Worker) -> Iterator[str]:
    """Check that commands find the directories of Valohai at their paths and by the variables, and print metadata."""
    ran = worker.run(
        'test "$VH_OUTPUTS_DIR" = /valohai/outputs && test "$VH_REPOSITORY_DIR" = "$PWD"',
        "echo x > /valohai/outputs/x; cat $VH_CONFIG_DIR/parameters.json; echo; echo '{\"score\": 1}'",
    )
    if not ran.complete or ran.manifest.metadata != {"score": 1} or ran.outputs != ["x"]:
        yield f"the directories, the outputs or the metadata are wrong: {ran}"


def environment(worker: Worker) -> Iterator[str]:
    """Check that commands have the variables of their step, and none of the engine's."""
    os.environ["PREFECT_API_KEY"] = "secret"
    try:
        ran = worker.run('echo "$MINE ${PREFECT_API_KEY-none}"', environment={"MINE": "a b"})
    finally:
        del os.environ["PREFECT_API_KEY"]
    if ran.output != ["a b none"]:
        yield f"the environment is wrong: {ran}"


def working_copies(command: str, worker: Worker, *, large: bool) -> Iterator[str]:
    """Check that what a command does in its working directory reaches neither the project nor other executions."""
    worker.file("a.txt", "a")
    worker.file("deep/b.txt", "b")
    if large:
        worker.many()
    before = _contents(worker.project)
    for _ in range(2):
        ran = worker.run(f"cat a.txt deep/b.txt; echo; {command}")
        # A working directory that is mounted cannot be removed, but all in it.
        if not ran.complete and "resource busy" not in str(ran.manifest.reason):
            yield f"the command fails: {ran}"
        if "ab" not in ran.output:
            yield f"the working copy is not that of the project: {ran}"
    if _contents(worker.project) != before:
        yield "the project is not what it was"
    if leftover := worker.leftovers():
        yield f"executions left {leftover}"


def store_in_project(worker: Worker) -> Iterator[str]:
    """Check that a working copy does not show an artifact store that is in the project."""
    worker.store = worker.project / "sub" / "store"
    worker.many()
    if not (ran := worker.run("echo x > /valohai/outputs/x")).complete:
        yield f"the first execution fails: {ran}"
    if (ran := worker.run("ls sub/store 2>/dev/null; ls many | wc -l")).output != ["300"]:
        yield f"the working copy is wrong: {ran}"


def linked_outputs(worker: Worker) -> Iterator[str]:
    """Check that links among the outputs become the files that they name."""
    ran = worker.run(
        'echo made > made; mkdir -p deep; echo deep > deep/made; cd "$VH_OUTPUTS_DIR"',
        'ln -s "$VH_REPOSITORY_DIR/made" "$VH_REPOSITORY_DIR/deep" "$VH_CONFIG_DIR/parameters.json" .',
    )
    if ran.outputs != ["deep/made", "made", "parameters.json"]:
        yield f"the outputs are wrong: {ran}"


def packages(how: str, worker: Worker) -> Iterator[str]:
    """Check that only its execution sees what pip installs; places without pip are not judged."""
    if not worker.run("command -v pip && command -v pip3").complete:
        return
    _wheel(worker.project / "translator_probe-1.0-py3-none-any.whl")
    show = "python -c 'import translator_probe; print(translator_probe.NAME)'"
    options = "--no-index --disable-pip-version-check --quiet"
    ran = worker.run(f"{how} {options} ./translator_probe-1.0-py3-none-any.whl", show)
    if not ran.complete or ran.output[-1:] != ["probe"]:
        yield f"the package cannot be installed and imported: {ran}"
    if worker.run(show).complete:
        yield "another execution sees the package"
    if (Path(sysconfig.get_path("purelib")) / "translator_probe.py").exists():
        yield "the package is in the environment of the worker"
    if leftover := worker.leftovers():
        yield f"executions left {leftover}"


def protection(worker: Worker) -> Iterator[str]:
    """Check that a command cannot write to the worker's environment, to the project or to the store."""
    if not worker.subject.isolated:
        return
    prefix, name = Path(sys.prefix), f"translator_evil_{os.getpid()}.py"
    places = [Path(sysconfig.get_path("purelib")), worker.project, worker.store, prefix / "bin"]
    tried = [folder / name for folder in places]
    worker.run(
        f'for file in {" ".join(map(str, tried))}; do mkdir -p "${{file%/*}}"; echo x > $file; done 2>/dev/null',
        f"mount -o remount,rw {prefix} 2>/dev/null; umount -l {prefix} 2>/dev/null; (echo x > {tried[0]}) 2>/dev/null",
    )
    for path in tried:
        if path.exists():
            path.unlink()
            yield f"a command can write {path}"


def destruction(worker: Worker) -> Iterator[str]:
    """Check that a command that takes all rights from its directories, and removes them, leaves nothing behind."""
    worker.run('chmod -R 000 "$VH_OUTPUTS_DIR" "$VH_INPUTS_DIR" "$VH_CONFIG_DIR" .; rm -rf "$VH_OUTPUTS_DIR"')
    if leftover := worker.leftovers():
        yield f"the execution left {leftover}"
    if not (ran := worker.run("echo x > /valohai/outputs/x")).complete:
        yield f"the next execution fails: {ran}"


_DAEMONS: Mapping[str, str] = {
    "in the background": "{0} &",
    "without its output": "({0} </dev/null >/dev/null 2>&1 &)",
    "in its own session": "setsid {0} </dev/null >/dev/null 2>&1 &",
    "forked twice": "(setsid sh -c '({0} </dev/null >/dev/null 2>&1 &)' &)",
    "without its environment": "(setsid env -i sh -c '({0} </dev/null >/dev/null 2>&1 &)' &)",
    "that ignores TERM": "(trap '' TERM HUP INT; setsid {0} </dev/null >/dev/null 2>&1 &)",
}


def daemons(kind: str, end: str, worker: Worker) -> Iterator[str]:
    """Check that nothing that a command has started outlives it, and the command's exit status counts."""
    if kind == "without its environment" and not worker.subject.isolated:
        return
    sleeper = Sleeper()
    ran = worker.run(f"{_DAEMONS[kind].format(sleeper.command)}\nsleep 0.3; echo said; {end}")
    status = {"exit 0": 0, "exit 3": 3}.get(end, 128 + signal.SIGKILL)
    if ran.manifest.exit_status != status or ran.output != ["said"]:
        yield f"the exit status is not {status}, or the output is wrong: {ran}"
    if sleeper.running():
        yield f"a process {kind} outlives the command"
    if leftover := worker.leftovers():
        yield f"the execution left {leftover}"


def last_lines(worker: Worker) -> Iterator[str]:
    """Check that what a command has left running may finish its lines."""
    if (ran := worker.run("(sleep 0.1; echo later) & echo now")).output != ["now", "later"]:
        yield f"lines are lost: {ran}"


def live_output(worker: Worker) -> Iterator[str]:
    """Check that lines arrive while the command runs: what this one prints is why it is stopped."""
    ran = worker.run(
        "echo ready; while :; do sleep 0.1; done", stop=lambda log: "seen" if "ready" in log else None, time_limit=60.0
    )
    if ran.manifest.state != "stopped":
        yield f"the line did not arrive before the command ended: {ran}"


def limits(name: str, reason: str, worker: Worker) -> Iterator[str]:
    """Check that a limit ends everything, and is the reason."""
    sleeper = Sleeper()
    fields: dict[str, Any] = {name: 1.0}
    ran = worker.run(f"echo began; {sleeper.command} & {sleeper.command}", **fields)
    if ran.manifest.state != "error" or reason not in str(ran.manifest.reason) or ran.output != ["began"]:
        yield f"the state, the reason or the output is wrong: {ran}"
    if sleeper.running() or worker.leftovers():
        yield f"processes {sleeper.running()} and files {worker.leftovers()} are left"


def stops(worker: Worker) -> Iterator[str]:
    """Check that a stop lets the command finish on TERM, keeps its last outputs, and ends everything."""
    sleeper = Sleeper()
    ran = worker.run(
        "trap 'echo last words; echo c > $VH_OUTPUTS_DIR/checkpoint; exit 9' TERM; echo ready",
        f"{sleeper.command} & wait",
        stop=lambda log: "enough" if "ready" in log else None,
    )
    if (ran.manifest.state, ran.manifest.reason, ran.outputs) != ("stopped", "enough", ["checkpoint"]):
        yield f"the state, the reason or the outputs are wrong: {ran}"
    if "last words" not in ran.output:
        yield f"the last lines are lost: {ran}"
    if sleeper.running() or worker.leftovers():
        yield f"processes {sleeper.running()} and files {worker.leftovers()} are left"


def exit_statuses(worker: Worker) -> Iterator[str]:
    """Check that the exit status is the command's; if a signal ended it, 128 and its number."""
    for command, status, reason in (
        ("exit 7", 7, "exit status 7"),
        ("kill -9 $$", 137, "exit status 137 (SIGKILL"),
        ("nothing-like-it", 127, "not found"),
        ("sh -c 'kill -SEGV $$'; exit $?", 139, "exit status 139 (SIGSEGV)"),
    ):
        ran = worker.run(command)
        if (ran.manifest.state, ran.manifest.exit_status) != ("error", status):
            yield f"the exit status of {command!r} is not {status}: {ran}"
        if reason not in str(ran.manifest.reason):
            yield f"the reason for {command!r} does not say {reason!r}: {ran}"


def failed_outputs(worker: Worker) -> Iterator[str]:
    """Check that what a failed command has written is published."""
    if (ran := worker.run("echo x > /valohai/outputs/x; exit 1")).outputs != ["x"]:
        yield f"the outputs of a failed command are lost: {ran}"


def settings(worker: Worker) -> Iterator[str]:
    """Check that wrong settings are described when a pipeline is translated, and are the reason when a step runs."""
    runner = worker.subject.runner or Runner(runners.DEFAULT)
    check = runners.load(runner.name).check
    yield from (f"check() rejects the settings of these checks: {problem}" for problem in check(runner.settings))
    unknown = {**runner.settings, "no_such_setting": 1}
    if not check(unknown):
        yield "check() says nothing of a setting that does not exist"
    ran = worker.run("echo began", runner=Runner(runner.name, unknown))
    if ran.manifest.state != "error" or "no_such_setting" not in str(ran.manifest.reason) or ran.output:
        yield f"a step with a setting that does not exist does not fail because of it: {ran}"


def dead_workers(worker: Worker) -> Iterator[str]:
    """Check that nothing outlives a worker that is killed."""
    sleeper = Sleeper()
    process = worker.start(f"{_DAEMONS['without its output'].format(sleeper.command)}\n{sleeper.command}")
    try:
        if not waited(lambda: len(sleeper.running()) > 1 or process.poll() is not None) or process.poll() is not None:
            yield "the command does not start"
            return
        process.kill()
        process.wait()
        if not waited(lambda: not sleeper.running()):
            yield f"processes {sleeper.running()} outlive their worker"
    finally:
        process.kill()
        process.wait()


def _contents(folder: Path) -> dict[str, tuple[str, int]]:
    """Return the text and the mode of each file below a directory."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): (path.read_text(), path.stat().st_mode) for path in files}


def _wheel(path: Path) -> None:
    """Make a package that needs no network to be installed."""
    info = "translator_probe-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("translator_probe.py", "NAME = 'probe'\n")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: translator-probe\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "translator_probe.py,,\n")


_TOUCHING: Mapping[str, str] = {
    "removes all files": "rm -rf ./* ./.[a-z]*",
    "takes all rights": "chmod -R 000 .",
    "removes the directory": 'rm -rf "$PWD"',
    "adds files": "mkdir work; echo x > work/x",
}
_INSTALLING: Sequence[str] = (
    "pip install",
    "pip3 install --user",
    "python -m pip install",
    "pip install --target=.",
)
_LIMITS: Mapping[str, str] = {"time_limit": "at its time limit of 1 s", "no_output_timeout": "printed nothing for 1 s"}

CHECKS: Mapping[str, Check] = {
    "hard-coded paths": hardcoded_paths,
    "directories": directories,
    "environment": environment,
    **{
        f"working copy, {size}: {name}": partial(working_copies, command, large=size == "large")
        for name, command in _TOUCHING.items()
        for size in ("small", "large")
    },
    "store in the project": store_in_project,
    "linked outputs": linked_outputs,
    **{f"packages: {how}": partial(packages, how) for how in _INSTALLING},
    "protection": protection,
    "destruction": destruction,
    **{f"daemon {kind}": partial(daemons, kind, "exit 0") for kind in _DAEMONS},
    **{f"daemon forked twice, {end}": partial(daemons, "forked twice", end) for end in ("exit 3", "kill -9 $$")},
    "last lines": last_lines,
    "live output": live_output,
    **{f"limit: {name}": partial(limits, name, reason) for name, reason in _LIMITS.items()},
    "stop": stops,
    "exit statuses": exit_statuses,
    "outputs of a failed command": failed_outputs,
    "settings": settings,
    "dead worker": dead_workers,
}
"""The checks by name."""
