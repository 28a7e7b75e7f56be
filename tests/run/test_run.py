"""Test ``translate run`` as users call it, with each engine in its own environment."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from tests.parity.engines import ENGINES, python_of
from tests.processes import TELL, process_in
from translator.cli import main
from translator.run.guard import guarded
from translator.shim.workspace import hold

TEXT = """\
- step:
    name: work
    image: python:3.12
    command: sh work.sh {parameter-value:n}
    parameters:
      - {name: n, type: integer, default: 0}
- pipeline:
    name: Work
    nodes:
      - {name: first, type: execution, step: work}
      - {name: many, type: task, step: work, on-error: stop-next}
      - {name: last, type: execution, step: work}
    edges:
      - [first.dependency.*, many.dependency.*]
      - [many.dependency.*, last.dependency.*]
"""
SCRIPT = """\
echo "working on $1"
echo result > "$VH_OUTPUTS_DIR/result-$1.txt"
[ "$1" != 7 ] || { echo "seven is bad" >&2; exit 3; }
[ "$1" != 9 ] || { TELL > FOLDER/asleep; exec sleep 300; }
"""


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "valohai.yaml").write_text(TEXT)
    (folder / "work.sh").write_text(SCRIPT.replace("FOLDER", str(tmp_path)).replace("TELL", TELL))
    return folder


@pytest.fixture(params=ENGINES)
def engine(request):
    if not python_of(request.param).exists():
        pytest.skip(f"no environment with {request.param}")
    return request.param


def command(engine, project, *arguments):
    return [*in_default_store(engine, project), "--store", str(project / "store"), *arguments]


def in_default_store(engine, project):
    return [str(python_of(engine).with_name("translate")), "run", str(project / "valohai.yaml"), "--target", engine]


def environment():
    """Return what a user has."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}


def test_a_run_that_fails(engine, project, tmp_path_factory):
    temporary = tmp_path_factory.mktemp("tmp")
    (project / "translator.toml").write_text(f'[defaults]\nstore = "{project}/store"\n')
    done = subprocess.run(  # noqa: PLW1510  the exit status is what is tested
        [*in_default_store(engine, project), "--param", "many.n=1,7", "--grid", "first.n=3,4"],
        capture_output=True,
        text=True,
        timeout=6000,
        env={**environment(), "TMPDIR": str(temporary)},
    )
    assert done.returncode == 1, done.stderr
    out = done.stdout
    run = re.match(rf"Work on {engine}, run (\d{{8}}-\d{{6}}-[0-9a-f]{{4}})\n", out)[1]
    assert re.search(
        r"^\S+ many\[1\] \(n=7\): error after [0-9.]+ s: valohai.yaml:2: the command ended with exit status 3$",
        out,
        re.MULTILINE,
    )
    table = [re.split(" {2,}", line.strip()) for line in out[out.index("\nfirst ") + 1 :].splitlines()]
    took = [cell for row in table for cell in row if re.fullmatch(r"[0-9.]+ s|[0-9]+ min [0-9]+ s", cell)]
    assert len(took) == 5  # four executions and the run
    assert [[cell for cell in row if cell not in took] for row in table] == [
        ["first", "complete", "2 complete"],
        ["[0] n=3", "complete"],
        ["[1] n=4", "complete"],
        ["many", "error", "1 complete, 1 error"],
        ["[0] n=1", "complete"],
        ["[1] n=7", "error"],
        ["last", "skipped"],
        ["the run", "error"],
        [""],
        ["many[1] (n=7): error"],
        ["valohai.yaml:2: the command ended with exit status 3; its last lines:"],
        ["seven is bad"],
        [f"log: {project}/store/Work/{run}/many/1/try-1/log.txt"],
        [""],
        [f"outputs and logs: {project}/store/Work/{run}"],
    ]
    assert "seven is bad" not in done.stderr
    document = json.loads((project / "store" / "Work" / run / "run.json").read_text())
    assert document["state"] == "error"
    assert document["engine"] == engine
    assert (project / "store" / "Work" / run / "many" / "0" / "try-1" / "outputs" / "result-1.txt").exists()
    assert list(temporary.glob("translate-run-*")) == []

    # The script is mended, and the other engine runs the rest.
    (project / "work.sh").write_text("echo mended")
    other = next((one for one in ENGINES if one != engine and python_of(one).exists()), engine)
    done = subprocess.run(  # noqa: PLW1510  as above
        [*in_default_store(other, project), "--resume", run[:-1]],  # with the parameters and grids that it had
        capture_output=True,
        text=True,
        timeout=6000,
        env={**environment(), "TMPDIR": str(temporary)},
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"keeping what is complete in run {run} (error)\n")
    (record,) = (path for path in (project / "store" / "Work").glob("*/run.json") if path.parent.name != run)
    nodes = json.loads(record.read_text())["nodes"]
    assert {name: [one.get("reused") for one in node["executions"]] for name, node in nodes.items()} == {
        "first": [f"{run}/first/0/try-1", f"{run}/first/1/try-1"],
        "many": [f"{run}/many/0/try-1", None],
        "last": [None],
    }
    assert re.search(
        rf"^first\[0\] .*: reused from run {run}$|\[0\] n=3 .* reused from run {run}$", done.stdout, re.MULTILINE
    )

    if engine != "airflow":
        return  # what follows is the same on every engine
    # Results of the script as it was are not reused, those of the mended one are, on the first engine again.
    resumed = record.parent.name
    done = subprocess.run(  # noqa: PLW1510  as above
        [*in_default_store(engine, project), "--param", "many.n=1,7", "--grid", "first.n=3,4", "--reuse"],
        capture_output=True,
        text=True,
        timeout=6000,
        env={**environment(), "TMPDIR": str(temporary)},
    )
    assert done.returncode == 0, done.stderr
    records = (project / "store" / "Work").glob("*/run.json")
    (record,) = (path for path in records if path.parent.name not in {run, resumed})
    nodes = json.loads(record.read_text())["nodes"]
    assert {name: [one.get("reused") for one in node["executions"]] for name, node in nodes.items()} == {
        "first": [None, None],
        "many": [None, f"{resumed}/many/1/try-1"],
        "last": [f"{resumed}/last/0/try-1"],
    }
    assert f"reused from run {resumed}" in done.stdout


@pytest.mark.parametrize(
    # Whichever of these signals comes, an engine gets SIGINT.
    ("engine", "number"),
    [("airflow", signal.SIGINT), ("prefect", signal.SIGTERM)],
    indirect=["engine"],
)
def test_ending_it_ends_everything(engine, project, number):
    process = subprocess.Popen(
        command(engine, project, "--param", "first.n=9"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=environment(),
    )
    asleep = project.parent / "asleep"
    wait_for(lambda: process_in(asleep), 120)
    process.send_signal(number)
    out, _ = process.communicate(timeout=6000)
    assert process.returncode == 130, out
    assert "the run  stopped" in out
    assert out.endswith(f"translate: {'you' if number == signal.SIGINT else 'SIGTERM'} stopped the run\n")
    assert "KeyboardInterrupt" not in out
    assert "the last lines of the output" not in out
    assert "Traceback" not in out
    wait_for(lambda: process_in(asleep) is None, 10)


def test_killing_it_ends_everything_and_leaves_nothing(engine, project, tmp_path):
    """``kill -9``: the engine cancels the run and ends, the step ends, and the temporary directory goes."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    process = subprocess.Popen(
        command(engine, project, "--param", "first.n=9"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**environment(), "TMPDIR": str(temporary)},
    )
    asleep = project.parent / "asleep"
    wait_for(lambda: process_in(asleep), 120)
    engines = children(process.pid)
    assert len(list(temporary.glob("translate-run-*"))) == 1
    process.kill()
    process.wait()
    wait_for(lambda: process_in(asleep) is None, 60)
    wait_for(lambda: not any(alive(one) for one in engines), 60)
    wait_for(lambda: list(temporary.glob("translate-run-*")) == [], 60)
    [record] = (project / "store" / "Work").glob("*/run.json")
    assert json.loads(record.read_text())["state"] == "stopped"


@pytest.mark.parametrize("engine", ["prefect"], indirect=True)
def test_an_engine_that_is_killed_leaves_its_log(engine, project):
    process = subprocess.Popen(
        command(engine, project, "--param", "first.n=9"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment(),
    )
    asleep = project.parent / "asleep"
    wait_for(lambda: process_in(asleep), 120)
    [started] = [one for one in children(process.pid) if b"embedded" in Path(f"/proc/{one}/cmdline").read_bytes()]
    servers = children(started)
    assert servers
    os.kill(started, signal.SIGKILL)
    out, _ = process.communicate(timeout=6000)
    assert process.returncode == 1, out
    wait_for(lambda: not any(alive(one) for one in servers), 60)
    [log] = (project / "store" / "Work").glob("*/engine.log")
    assert f"was ended by SIGKILL and left no record of the run; its log is kept in {log}\n" in out
    last = [line for line in log.read_text().splitlines() if line.strip()][-1]
    assert last[:60] in out
    wait_for(lambda: process_in(asleep) is None, 10)


def test_old_directories_of_killed_runs_are_swept(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("translate-run-old1", "translate-run-held", "translate-run-young", "translate-running", "other"):
        (tmp_path / name / "home").mkdir(parents=True)
        if name != "translate-run-young":
            os.utime(tmp_path / name, (0, 0))
    held = hold(tmp_path / "translate-run-held")
    with guarded() as (folder, _):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert sorted(path.name for path in tmp_path.iterdir() if path != folder) == [
            "other", "translate-run-held", "translate-run-young", "translate-running",
        ]  # fmt: skip
    assert not folder.exists()
    os.close(held)


def children(pid):
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for(condition, seconds):
    end = time.monotonic() + 10 * seconds  # a busy machine is slower
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["--target", "airflo"], 2, "did you mean 'airflow'?"),
        (["--target", "prefect", "--param", "many.m=1"], 2, "did you mean 'many.n'?"),
        (["--target", "prefect", "--param", "many.n=x"], 2, "x is not an integer"),
        (["--target", "prefect", "--pipeline", "Wrk"], 2, "did you mean 'Work'?"),
        (["--target", "prefect", "--quiet", "--verbose"], 2, "not allowed with"),
    ],
)
def test_bad_usage(project, capsys, arguments, status, message):
    assert main(["run", str(project / "valohai.yaml"), *arguments]) == status
    assert message in capsys.readouterr().err


def test_a_file_with_errors(project, capsys):
    (project / "valohai.yaml").write_text(TEXT.replace("step: work, on-error", "step: wrk, on-error"))
    assert main(["run", str(project / "valohai.yaml"), "--target", "prefect"]) == 1
    assert "wrk" in capsys.readouterr().err


def test_a_grid_with_errors(project, capsys):
    arguments = ("--target", "prefect", "--grid", f"many.n={2**63}")
    assert main(["run", str(project / "valohai.yaml"), *arguments]) == 1
    assert "more than 64 bits" in capsys.readouterr().err


def test_a_missing_engine_is_reported(engine, project):
    """In the environment of the other engine; one line says what to install."""
    other = next(name for name in ENGINES if name != engine)
    if not python_of(other).exists():
        pytest.skip(f"no environment with {other}")
    arguments = command(other, project)
    arguments[arguments.index("--target") + 1] = engine
    done = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=600, env=environment())
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert (
        last == f"translate: {engine} is not installed in this environment; it has {other}. "
        f'In another virtual environment: pip install "pipeline-translator[{engine}]"'
    )
