"""Test what every runner gives an execution, also one whose command is hostile."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import sysconfig
import textwrap
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from translator.shim.contract import Input

if TYPE_CHECKING:
    from tests.shim.runners.conftest import Runs, Sleeper

TOUCHED = ("rm -rf ./* ./.[a-z]*", "chmod -R 000 .", 'rm -rf "$PWD"', "mkdir work; echo x > work/x")


def files(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_a_script_finds_its_directories_or_does_not_start(runs: Runs) -> None:
    runs.worker.script(
        "train.py",
        """
        import os
        print(open("/valohai/inputs/data/data.csv").read(), os.getcwd())
        os.makedirs("/valohai/outputs/deep", exist_ok=True)
        open("/valohai/outputs/deep/model", "w").write("m")
        """,
    )
    (runs.worker.project / "data.csv").write_text("1,2")
    manifest = runs("python3 train.py", inputs=[Input("data", ["data.csv"])])
    if runs.kind == "mapped":
        assert manifest.state == "error"
        assert "train.py:3 (/valohai/inputs), train.py:4 (/valohai/outputs), train.py:5" in str(manifest.reason)
        assert runs.worker.output == []
    else:
        assert manifest.state == "complete", runs.worker.log
        assert runs.worker.output == ["1,2 /valohai/repository"]
        assert [file.path for file in manifest.outputs] == ["deep/model"]
    assert not Path("/valohai/outputs/deep").exists()


def test_paths_in_commands_are_those_of_the_environment(runs: Runs) -> None:
    manifest = runs(
        'test "$VH_OUTPUTS_DIR" = /valohai/outputs && test "$VH_REPOSITORY_DIR" = "$PWD"',
        "echo x > /valohai/outputs/x; cat $VH_CONFIG_DIR/parameters.json; echo; echo '{\"score\": 1}'",
    )
    assert manifest.state == "complete", runs.worker.log
    assert (manifest.metadata, [file.path for file in manifest.outputs]) == ({"score": 1}, ["x"])


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("command", TOUCHED)
def test_nothing_reaches_the_project_or_another_execution(runs: Runs, command: str, size: str) -> None:
    runs.worker.script("a.txt", "a")
    runs.worker.script("deep/b.txt", "b")
    for number in range(300 if size == "large" else 0):
        runs.worker.script(f"many/{number}", "x")
    before = files(runs.worker.project)
    for index in range(2):
        manifest = runs(f"cat a.txt deep/b.txt; echo; {command}", index=index)
        # A working copy that is mounted cannot be removed, but all in it.
        assert manifest.state == "complete" or "resource busy" in str(manifest.reason), runs.worker.log
    assert [line for line in runs.worker.output if not line.startswith("rm: ")] == ["ab", "ab"]
    assert files(runs.worker.project) == before
    assert all(path.stat().st_mode & 0o700 for path in runs.worker.project.rglob("*"))
    assert runs.left() == []


def test_the_working_copy_does_not_show_the_artifact_store(runs: Runs) -> None:
    runs.worker.uri = str(runs.worker.project / "sub" / "store")
    for number in range(300):
        runs.worker.script(f"many/{number}", "x")
    assert runs("echo x > /valohai/outputs/x").state == "complete"
    assert runs("ls sub/store 2>/dev/null; ls many | wc -l", node="again").state == "complete", runs.worker.log
    assert runs.worker.output == ["300"]


def test_links_that_leave_the_project_lead_on(runs: Runs) -> None:
    if runs.kind == "docker":
        pytest.skip("a container does not see what is outside the project")
    (runs.worker.project.parent / "data").mkdir()
    (runs.worker.project.parent / "data" / "x").write_text("x\n")
    (runs.worker.project / "deep").mkdir()
    (runs.worker.project / "deep" / "data").symlink_to("../../data")
    for number in (0, 300):
        for one in range(number):
            runs.worker.script(f"many/{one}", "x")
        assert runs("cat deep/data/x", index=number).state == "complete", runs.worker.log
    assert runs.worker.output == ["x", "x"]


@pytest.mark.parametrize("size", ["small", "large"])
def test_links_among_the_outputs_become_the_files_that_they_name(runs: Runs, size: str) -> None:
    for number in range(300 if size == "large" else 0):
        runs.worker.script(f"many/{number}", "x")
    manifest = runs(
        'echo made > made; mkdir -p deep; echo deep > deep/made; cd "$VH_OUTPUTS_DIR"',
        'ln -s "$VH_REPOSITORY_DIR/made" "$VH_REPOSITORY_DIR/deep" "$VH_CONFIG_DIR/parameters.json" .',
    )
    assert manifest.state == "complete", runs.worker.log
    assert [file.path for file in manifest.outputs] == ["deep/made", "made", "parameters.json"]


INSTALL = "--no-index --disable-pip-version-check --quiet"


@pytest.mark.parametrize(
    "how", ["pip install", "pip3 install --user", "python -m pip install", "pip install --target=."]
)
def test_packages_are_the_executions_own(runs: Runs, wheel: Path, how: str) -> None:
    if runs.kind == "docker":
        pytest.skip("the image of the tests has no pip")
    show = "python -c 'import translator_probe, sys; print(translator_probe.WHERE, sys.prefix)'"
    manifest = runs(f"{how} {INSTALL} {wheel}", show)
    assert manifest.state == "complete", runs.worker.log
    where, prefix = runs.worker.output[-1].split()
    assert where.startswith(prefix) or how.endswith("--target=.")
    assert runs(show, node="other").state == "error"
    subprocess.run([sys.executable, "-c", "import translator_probe"], check=False, capture_output=True)
    assert not (Path(sysconfig.get_path("purelib")) / "translator_probe.py").exists()
    assert runs.left() == []


def test_what_the_worker_has_can_be_imported(runs: Runs) -> None:
    if runs.kind == "docker":
        pytest.skip("an image has what it has")
    assert runs("python -c 'import pytest; print(pytest.__file__)'").state == "complete"
    assert runs.worker.output == [pytest.__file__]


def test_the_engines_environment_cannot_be_written_to(runs: Runs) -> None:
    """Not by who installs into it explicitly either."""
    if not runs.isolated:
        pytest.skip("without a namespace this cannot be promised")
    evil = Path(sysconfig.get_path("purelib")) / f"translator_evil_{os.getpid()}.py"
    project, store = runs.worker.project, Path(runs.worker.uri)
    tried = " ".join(
        f"'{path}'" for path in (evil, project / "evil", store / "evil", Path(sys.prefix) / "bin" / "evil")
    )
    manifest = runs(
        f'for file in {tried}; do mkdir -p "$(dirname $file)" 2>/dev/null; (echo x > $file) 2>/dev/null; done',
        f"mount -o remount,rw {Path(sys.prefix)} 2>/dev/null; umount -l {Path(sys.prefix)} 2>/dev/null",
        f"(echo x > {evil}) 2>/dev/null; true",
    )
    assert manifest.state in {"complete", "error"}
    assert not evil.exists()
    assert not (Path(sys.prefix) / "bin" / "evil").exists()
    assert not (project / "evil").exists()
    assert not (store / "evil").exists()


def test_a_command_that_chmods_and_removes_everything_of_its_own(runs: Runs) -> None:
    manifest = runs('chmod -R 000 "$VH_OUTPUTS_DIR" "$VH_INPUTS_DIR" "$VH_CONFIG_DIR" .; rm -rf "$VH_OUTPUTS_DIR"')
    assert manifest.state in {"complete", "error"}
    assert runs.left() == []
    assert runs("echo x > /valohai/outputs/x", node="next").state == "complete"


DAEMONS = {
    "in the background": "{0} &",
    "without its output": "({0} </dev/null >/dev/null 2>&1 &)",
    "in its own session": "setsid {0} </dev/null >/dev/null 2>&1 &",
    "forked twice": "(setsid sh -c '({0} </dev/null >/dev/null 2>&1 &)' &)",
    "without its environment": "(setsid env -i sh -c '({0} </dev/null >/dev/null 2>&1 &)' &)",
    "that ignores TERM": "(trap '' TERM HUP INT; setsid {0} </dev/null >/dev/null 2>&1 &)",
}


@pytest.mark.parametrize("daemon", DAEMONS)
@pytest.mark.parametrize("end", ["exit 0", "exit 3", "kill -9 $$"])
def test_no_daemon_outlives_its_execution(runs: Runs, sleeper: Sleeper, daemon: str, end: str) -> None:
    if not runs.isolated and daemon == "without its environment":
        pytest.skip("without a namespace of processes it cannot be told from others")
    if end != "exit 0" and daemon != "forked twice":
        pytest.skip("one kind of daemon tells enough")
    manifest = runs(f"{DAEMONS[daemon].format(sleeper.command)}\nsleep 0.3; echo said; {end}")
    assert manifest.exit_status == {"exit 0": 0, "exit 3": 3}.get(end, 137)
    assert runs.worker.output == ["said"]
    assert sleeper.running() == []
    assert runs.left() == []


def test_a_step_may_have_any_path(runs: Runs) -> None:
    if runs.kind == "toy":
        pytest.skip("it looks for nice on the PATH of the step")
    assert runs("echo $PATH", environment={"PATH": "/nowhere"}).state == "complete", runs.worker.log
    assert runs.worker.output == ["/nowhere"]


def test_what_still_prints_may_finish_its_lines(runs: Runs) -> None:
    runs("(sleep 0.2; echo later) & echo now")
    assert runs.worker.output == ["now", "later"]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [({"time_limit": 1.0}, "at its time limit of 1 s"), ({"no_output_timeout": 1.0}, "printed nothing for 1 s")],
    ids=["time", "silence"],
)
def test_limits_end_everything(runs: Runs, sleeper: Sleeper, fields: dict[str, float], reason: str) -> None:
    manifest = runs(f"echo began; {sleeper.command} & {sleeper.command}", **fields)
    assert manifest.state == "error"
    assert reason in str(manifest.reason)
    assert (runs.worker.output, sleeper.running(), runs.left()) == (["began"], [], [])


def test_a_stop_ends_everything_and_keeps_the_last_checkpoint(runs: Runs, sleeper: Sleeper) -> None:
    runs.worker.should_stop = lambda: "enough" if "ready" in runs.worker.log else None
    manifest = runs(
        "trap 'echo last words; echo c > $VH_OUTPUTS_DIR/checkpoint; exit 9' TERM; echo ready",
        f"{sleeper.command} & wait",
    )
    assert (manifest.state, manifest.reason) == ("stopped", "enough")
    assert [file.path for file in manifest.outputs] == ["checkpoint"]
    assert "last words" in runs.worker.output
    assert (sleeper.running(), runs.left()) == ([], [])


@pytest.mark.parametrize(
    ("command", "status", "reason"),
    [
        ("exit 7", 7, "exit status 7"),
        ("kill -9 $$", 137, "exit status 137 (SIGKILL"),
        ("nothing-like-it", 127, "not found"),
        ("sh -c 'kill -SEGV $$'; exit $?", 139, "exit status 139 (SIGSEGV)"),
    ],
)
def test_exit_statuses(runs: Runs, command: str, status: int, reason: str) -> None:
    manifest = runs(command)
    assert (manifest.state, manifest.exit_status) == ("error", status)
    assert reason in str(manifest.reason)


def test_a_disk_that_fills_up(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    try:
        monkeypatch.setenv("TRANSLATOR_WORK", str(small / "work"))
        manifest = runs("head -c 9000000 /dev/zero > big; head -c 9000000 /dev/zero > /valohai/outputs/big")
        assert manifest.state == "error"
        assert "No space left on device" in "\n".join([str(manifest.reason), *runs.worker.log])
        assert list((small / "work").iterdir()) == []
        assert runs("echo x > /valohai/outputs/x", node="next").state == "complete"
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


WORKER = """
    import json, os, sys
    from pathlib import Path
    from translator.shim.contract import Context, ExecutionId, Runner, Step
    from translator.shim.execution import execute
    from translator.shim.runners.process import namespace

    uri, project, command, tool, chosen, image = sys.argv[1:]
    if tool:
        namespace.find = lambda: namespace.Namespace(tool, True)
    where = Runner(*json.loads(chosen)) if chosen else None
    context = Context(ExecutionId("p", "r", "n"), uri, Path(project), "prefect", print)
    execute(Step("s", [command], runner=where, image=image or None), context)
"""


def test_the_death_of_the_worker_leaves_nothing_running(runs: Runs, sleeper: Sleeper, tmp_path: Path) -> None:
    import json

    program = tmp_path / "worker.py"
    program.write_text(textwrap.dedent(WORKER))
    tool = runs.kind if runs.kind in {"bubblewrap", "unshare"} else ""
    chosen = json.dumps([runs.runner.name, dict(runs.runner.settings)]) if runs.runner else ""
    command = f"{DAEMONS['without its output'].format(sleeper.command)}\n{sleeper.command}"
    arguments = [runs.worker.uri, str(runs.worker.project), command, tool, chosen, runs.image or ""]
    process = subprocess.Popen([sys.executable, str(program), *arguments], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 120
        while len(sleeper.running()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert len(sleeper.running()) == 2
        process.send_signal(signal.SIGKILL)
        process.wait()
        deadline = time.monotonic() + 120
        while sleeper.running() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert sleeper.running() == []
    finally:
        process.kill()
        process.wait()
