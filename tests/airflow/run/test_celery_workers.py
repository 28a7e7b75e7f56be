"""Test runs on two Celery workers that share nothing but a store in S3 and the DAGs, and what is killed meanwhile."""

from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.celery_workers import CONNECTION, NAMES, SLOTS, STORE, Celery
from tests.airflow.scheduler import wait_until
from tests.installed import require
from tests.podman import PYTHON_IMAGE
from tests.shim.workspace.test_commits import commit, git
from translator.load import load
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from pathlib import Path

    from tests.airflow.celery_workers import Worker
    from tests.podman import Podman

WIDTH = 2 * SLOTS
KILLED = ("Again", "Lost")
PIPELINE = """\
- step:
    name: make
    image: IMAGE
    command: [sh make.sh]
- step:
    name: train
    image: IMAGE
    command: 'sh train.sh {parameter-value:n}'
    inputs: [{name: data}]
    parameters: [{name: n, type: integer, default: 1}]
- step:
    name: sum
    image: IMAGE
    command: ['cat $VH_INPUTS_DIR/parts/* > $VH_OUTPUTS_DIR/all.txt']
    inputs: [{name: parts}]
- task: {name: grid, step: train, type: grid_search, parameters: [{name: n, style: multiple, rules: {items: POINTS}}]}
- pipeline:
    name: NAME
    nodes:
      - {name: make, type: execution, step: make}
      - {name: train, type: task, task: grid}
      - {name: sum, type: execution, step: sum}
    edges: [[make.output.*, train.input.data], [train.output.*, sum.input.parts]]
"""
MAKE = "echo 7 > $VH_OUTPUTS_DIR/factor\n"
# Long enough that one worker cannot run all of them, one after another.
TRAIN = "sleep 3\necho $(($1 * $(cat $VH_INPUTS_DIR/data/factor))) > $VH_OUTPUTS_DIR/part-$1\n"
WAIT = """\
touch $WORKER_HOME/$1.begun
while [ ! -e $WORKER_HOME/$1.go ]; do sleep 0.1; done
echo done > $VH_OUTPUTS_DIR/$1
"""
ONE = """\
- step: {name: wait, image: IMAGE, command: [sh wait.sh NAME]}
- step:
    name: after
    image: IMAGE
    command: ['ls $VH_INPUTS_DIR/before > $VH_OUTPUTS_DIR/seen']
    inputs: [{name: before}]
- pipeline:
    name: NAME
    nodes: [{name: wait, type: execution, step: wait}, {name: after, type: execution, step: after}]
    edges: [[wait.output.*, after.input.before]]
"""

ASKS = """\
- step: {name: make, image: none, command: ['echo made > $VH_OUTPUTS_DIR/made']}
- step:
    name: promote
    image: none
    command: ['ls $VH_INPUTS_DIR/before > $VH_OUTPUTS_DIR/seen']
    inputs: [{name: before}]
- pipeline:
    name: Asks
    nodes:
      - {name: make, type: execution, step: make}
      - {name: promote, type: execution, step: promote, actions: [{when: node-starting, then: require-approval}]}
    edges: [[make.output.*, promote.input.before]]
"""


def spread(name: str, image: str = "none", width: int = WIDTH) -> dict[str, str]:
    """Return the files of a project whose task node has twice as many executions as a worker runs at once."""
    points = [*range(1, width + 1)]
    text = PIPELINE.replace("NAME", name).replace("IMAGE", image).replace("POINTS", str(points))
    return {"valohai.yaml": text, "make.sh": MAKE, "train.sh": TRAIN}


def waiting(name: str) -> dict[str, str]:
    """Return the files of a project whose first node waits for a file in the worker's home."""
    return {"valohai.yaml": ONE.replace("NAME", name).replace("IMAGE", "none"), "wait.sh": WAIT}


def begun(celery: Celery, *names: str) -> dict[str, Worker]:
    """Wait until the first nodes of pipelines wait; return on which worker each does."""

    def where() -> dict[str, Worker]:
        return {name: one for name in names for one in celery.workers if (one.home / f"{name}.begun").exists()}

    wait_until(lambda: where().keys() == set(names))
    return where()


def go(name: str, *workers: Worker) -> None:
    """Let the first node of a pipeline end, where it runs or will run."""
    for worker in workers:
        (worker.home / f"{name}.go").touch()


def _retries(number: int) -> str:
    """Return the setting with which Airflow tries lost executions again."""
    return f'airflow.retries = {number}\nairflow.retry_delay = "1s"\n' if number else ""


def states(document: dict[str, Any]) -> dict[str, str]:
    return {name: node["state"] for name, node in document["nodes"].items()}


def check_spread(celery: Celery, name: str, run: str) -> None:
    """Check that a run of such a project is complete, and that both workers ran parts of it."""
    dag = name.lower()
    assert celery.airflow.wait(dag, run) == "success", celery.logs()
    document = celery.record(name, run)
    assert (document["state"], states(document)) == ("complete", dict.fromkeys(("make", "train", "sum"), "complete"))
    width = len(document["nodes"]["train"]["executions"])
    assert sorted(celery.output(name, run, "sum", "all.txt").split()) == sorted(str(7 * n) for n in range(1, width + 1))
    assert {*celery.hosts(dag, run, "train.run")} == {*NAMES}


@pytest.fixture(scope="module")
def killed(celery: Celery) -> None:
    """Start a run with retries and one without, and kill the workers that execute their first nodes.

    Airflow notices that after a while, in which other tests run on new workers of these names.
    """
    for name in KILLED:
        dag = celery.deploy(name.lower(), waiting(name), settings=_retries(1 if name == "Again" else 0))
        celery.airflow.trigger(dag, "killed-1")
    for worker in {worker.name: worker for worker in begun(celery, *KILLED).values()}.values():
        worker.kill()
        worker.start()
        wait_until(worker.ready)
    go("Again", *celery.workers)


@pytest.mark.usefixtures("killed")
def test_a_snapshot_runs_on_both_workers(celery: Celery) -> None:
    dag = celery.deploy("spread", spread("Spread"))
    celery.airflow.trigger(dag, "spread-1")
    check_spread(celery, "Spread", "spread-1")
    for worker in celery.workers:
        code = worker.home / ".cache" / "pipeline-translator" / "code"
        assert [file.read_text() for file in code.glob("*/train.sh")] == [TRAIN], [*code.iterdir()]


@pytest.mark.usefixtures("killed")
def test_executions_of_a_killed_worker(celery: Celery) -> None:
    """Without retries they fail, with retries a worker runs them again."""
    assert [celery.airflow.wait(name.lower(), "killed-1") for name in KILLED] == ["success", "failed"], celery.logs()
    again, lost = (celery.record(name, "killed-1") for name in KILLED)
    assert (again["state"], states(again)) == ("complete", {"wait": "complete", "after": "complete"})
    assert [one["tries"] for one in again["nodes"]["wait"]["executions"]] == [2]
    assert celery.output("Again", "killed-1", "after", "seen") == "Again\n"
    assert (lost["state"], states(lost)) == ("error", {"wait": "error", "after": "stopped"})
    (execution,) = lost["nodes"]["wait"]["executions"]
    assert "the worker was lost before the execution ended" in execution["reason"]


@pytest.mark.wide("celery")
def test_a_worker_that_was_cut_off_comes_back(celery: Celery) -> None:
    """Its execution was given up and is tried again elsewhere: the first attempt ends, and does not count."""
    name = "Frozen"
    dag = celery.deploy("frozen", waiting(name), settings=_retries(1))
    celery.airflow.trigger(dag, "frozen-1")
    (frozen,) = begun(celery, name).values()
    (other,) = (worker for worker in celery.workers if worker is not frozen)
    frozen.signal(signal.SIGSTOP)
    try:
        wait_until((other.home / f"{name}.begun").exists)
    finally:
        frozen.signal(signal.SIGCONT)
    wait_until(lambda: not any(f"wait.sh {name}" in command for command in frozen.processes().values()))
    go(name, other)
    assert celery.airflow.wait(dag, "frozen-1") == "success", celery.logs()
    document = celery.record(name, "frozen-1")
    assert (document["state"], states(document)) == ("complete", dict.fromkeys(("wait", "after"), "complete"))
    assert [one["tries"] for one in document["nodes"]["wait"]["executions"]] == [2]


@pytest.mark.wide("celery")
def test_an_approval_survives_the_workers(celery: Celery) -> None:
    """Answer while no worker lives: nothing of a worker is held meanwhile, and new workers run the rest."""
    dag = celery.deploy("asks", {"valohai.yaml": ASKS})
    celery.airflow.trigger(dag, "asks-1")

    def asked() -> bool:
        task = celery.airflow.tasks(dag, "asks-1").get(("promote.starting", -1), {})
        return task.get("state") in ("awaiting_input", "deferred")

    wait_until(asked)
    time.sleep(3)  # Airflow loses an answer that comes as soon as the task waits
    for worker in celery.workers:
        worker.kill()
    detail = f"/api/v2/dags/{dag}/dagRuns/asks-1/taskInstances/promote.starting/-1/hitlDetails"
    celery.airflow.api("PATCH", detail, {"chosen_options": ["Approve"], "params_input": {}})
    for worker in celery.workers:
        worker.start()
        wait_until(worker.ready)
    assert celery.airflow.wait(dag, "asks-1") == "success", celery.logs()
    document = celery.record("Asks", "asks-1")
    assert (document["state"], states(document)) == ("complete", {"make": "complete", "promote": "complete"})
    (effect,) = document["nodes"]["promote"]["actions"]
    assert (effect["decision"], bool(effect["by"])) == ("approved", True)
    assert celery.output("Asks", "asks-1", "promote", "seen") == "made\n"


@pytest.mark.wide("celery")
def test_a_commit_runs_on_both_workers(celery: Celery, tmp_path: Path) -> None:
    require("git")
    project = celery.projects / "commit"
    project.mkdir()
    for path, text in spread("Commit").items():
        (project / path).write_text(text)
    git(project, "init", "-q")
    commit(project)
    git(tmp_path, "clone", "-q", "--bare", str(project), "remote.git")
    dag = celery.deploy("commit", spread("Commit"), remote=f"file://{tmp_path}/remote.git")
    celery.airflow.trigger(dag, "commit-1")
    check_spread(celery, "Commit", "commit-1")


@pytest.mark.wide("celery")
def test_a_snapshot_runs_in_containers_of_both_workers(celery: Celery, podman: Podman) -> None:
    settings = podman.settings.replace("[defaults]\n", "")
    dag = celery.deploy("boxes", spread("Boxes", PYTHON_IMAGE), settings=settings)
    celery.airflow.trigger(dag, "boxes-1")
    check_spread(celery, "Boxes", "boxes-1")
    assert podman.empty()


@pytest.mark.wide("celery")
@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "forgotten"])
def test_redis_restarts_while_tasks_run_and_wait(celery: Celery, *, keeps: bool) -> None:
    name = "Kept" if keeps else "Forgotten"
    files = spread(name, width=2 * WIDTH)
    dag = celery.deploy(name.lower(), files)
    celery.airflow.trigger(dag, "redis-1")

    def running() -> int:
        return sum(ti["state"] == "running" for ti in celery.airflow.tasks(dag, "redis-1").values())

    wait_until(lambda: running() == WIDTH)
    celery.redis.kill()
    if not keeps:
        celery.redis.forget()
    time.sleep(2)
    celery.redis.start()
    check_spread(celery, name, "redis-1")
    executions = celery.record(name, "redis-1")["nodes"]["train"]["executions"]
    assert [one["tries"] for one in executions] == [1] * (2 * WIDTH)


@pytest.mark.wide("celery")
@pytest.mark.parametrize("imported", [True, False], ids=["everywhere", "on workers"])
def test_a_new_version_with_another_node_is_deployed_in_mid_run(celery: Celery, *, imported: bool) -> None:
    """What runs keeps its code; what starts later has the new one, because the files of DAGs have no versions.

    The new node runs if Airflow imports the file before the run has ended. Else it is not part of the run.
    """
    name = "More" if imported else "Ahead"
    dag = celery.deploy(name, waiting(name))
    celery.airflow.trigger(dag, "version-1")
    where = begun(celery, name)
    new = waiting(name)
    new["wait.sh"] = WAIT.replace("echo done", "echo new")
    new["after.sh"] = "echo new\ncat $1/*\n"
    new["valohai.yaml"] = (
        new["valohai.yaml"]
        .replace("ls $VH_INPUTS_DIR", "sh after.sh $VH_INPUTS_DIR")
        .replace("step: after}]", "step: after}, {name: more, type: execution, step: after}]")
        .replace("after.input.before]]", "after.input.before], [wait.output.*, more.input.before]]")
    )
    assert celery.deploy(name, new, everywhere=imported) == dag
    go(name, *where.values())
    assert celery.airflow.wait(dag, "version-1") == "success", celery.logs()
    document = celery.record(name, "version-1")
    nodes = ("wait", "after", "more") if imported else ("wait", "after")
    assert (document["state"], states(document)) == ("complete", dict.fromkeys(nodes, "complete"))
    assert [celery.output(name, "version-1", node, "seen") for node in nodes[1:]] == ["new\ndone\n"] * len(nodes[1:])


@pytest.mark.wide("celery")
@pytest.mark.parametrize("imported", [True, False], ids=["everywhere", "on workers"])
def test_a_new_version_without_a_node_is_deployed_in_mid_run(celery: Celery, *, imported: bool) -> None:
    """The node never runs. If Airflow still wants to run it, the run fails, whatever the workers know of it."""
    name = "Less" if imported else "Behind"
    dag = celery.deploy(name, waiting(name))
    celery.airflow.trigger(dag, "version-1")
    where = begun(celery, name)
    new = waiting(name)
    new["valohai.yaml"] = (
        new["valohai.yaml"]
        .replace(", {name: after, type: execution, step: after}]", "]")
        .replace("edges: [[wait.output.*, after.input.before]]", "edges: []")
    )
    assert celery.deploy(name, new, everywhere=imported) == dag
    go(name, *where.values())
    assert celery.airflow.wait(dag, "version-1") == ("success" if imported else "failed"), celery.logs()
    document = celery.record(name, "version-1")
    assert (document["state"], states(document)) == ("complete" if imported else "error", {"wait": "complete"})
    assert celery.output(name, "version-1", "wait", name) == "done\n"


@pytest.mark.wide("celery")
def test_a_run_keeps_its_version_of_a_git_bundle(celery: Celery, tmp_path: Path) -> None:
    """The project and its DAG file are in one repository; what is pushed in mid-run is for the next run."""
    name, work = "Versioned", tmp_path / "work"
    git(tmp_path, "clone", "-q", str(celery.repository), str(work))
    lines = f'[defaults]\nstore = "{STORE}"\nairflow.dag.store_connection = "{CONNECTION}"\n'
    (work / "translator.toml").write_text(lines)

    def push(files: dict[str, str]) -> None:
        for path, text in files.items():
            (work / path).write_text(text)
        pipeline = load(work / "valohai.yaml").choose()
        (work / "dags" / "versioned.py").write_text(airflow.generate(pipeline, GenerateOptions(project="..")))
        head = commit(work)
        git(work, "push", "-q", "origin", "main")
        wait_until(lambda: celery.airflow.listed().get("versioned", {}).get("bundle_version") == head)

    old = waiting(name)
    push(old)
    celery.airflow.trigger("versioned", "version-1")
    where = begun(celery, name)
    second = {"wait.sh": WAIT.replace("echo done", "echo new")}
    fewer = old["valohai.yaml"].replace("[wait.output.*, after.input.before]", "[wait.output.*, last.input.before]")
    push(second | {"valohai.yaml": fewer.replace("{name: after, type", "{name: last, type")})
    go(name, *where.values())
    assert celery.airflow.wait("versioned", "version-1") == "success", celery.logs()
    document = celery.record(name, "version-1")
    assert states(document) == dict.fromkeys(("wait", "after"), "complete")
    assert celery.output(name, "version-1", "wait", name) == "done\n"
    assert celery.output(name, "version-1", "after", "seen") == f"{name}\n"

    celery.airflow.trigger("versioned", "version-2")
    go(name, *celery.workers)
    assert celery.airflow.wait("versioned", "version-2") == "success", celery.logs()
    assert states(celery.record(name, "version-2")) == dict.fromkeys(("wait", "last"), "complete")
    assert celery.output(name, "version-2", "wait", name) == "new\n"
