"""Spread the executions of task nodes over two Dask workers that share only an artifact store in S3.

Each worker is a process with its own directories. Commands tell the tests what they do, and wait for them, through a
directory of the tests.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("prefect_dask")

from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.states import Cancelling

from prefect_plugin import ArtifactStore
from tests import datasets
from tests.prefect.support import flow_of, task_runs, wait_for
from tests.processes import TELL, process_in
from translator.code.snapshot import take
from translator.history.comparison import differences
from translator.load import load
from translator.shim.contract import StoreAddress
from translator.shim.store import RUN, Store, key_of, open_store
from translator.targets import GenerateOptions
from translator.targets import prefect as target

TRAIN = f"""\
n=$1
{TELL} > TESTS/$n.$WORKER.process
while [ ! -e TESTS/$n.end ]; do sleep 0.1; done
test "$(cat TESTS/$n.end)" = fail && exit 3
cat $VH_INPUTS_DIR/data/data > $VH_OUTPUTS_DIR/model
echo $n >> $VH_OUTPUTS_DIR/model
echo "{{\\"worker\\": \\"$WORKER\\"}}"
"""
TEXT = """\
- step: {name: prepare, image: i, command: "echo data > $VH_OUTPUTS_DIR/data"}
- step:
    name: train
    image: i
    command: sh train.sh {parameter-value:n}
    parameters: [{name: n, type: integer}]
    inputs: [{name: data}]
- task: {name: grid, step: train, type: grid_search, parameters: [{name: n, style: multiple, rules: {items: POINTS}}]}
- pipeline:
    name: Spread
    nodes:
      - {name: prepare, type: execution, step: prepare}
      - {name: train, type: task, task: grid}
      - {name: after, type: execution, step: prepare}
    edges: [[prepare.output.*, train.input.data], [train.dependency.*, after.dependency.*]]
"""
SETTINGS = """\
[defaults]
store = "s3://BUCKET/dask"
[defaults.prefect]
task_runner = { call = "prefect_dask.DaskTaskRunner", address = "ADDRESS" }
[defaults.prefect.flow]
store_block = "dask"
"""


@dataclass
class Cluster:
    """A Dask scheduler with two workers, and the artifact store."""

    folder: Path
    options: dict[str, Any]
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    address: str = ""

    @property
    def store(self) -> Store:
        return open_store(StoreAddress(f"s3://{datasets.BUCKET}/dask", self.options))

    def start(self, name: str, module: str, *arguments: str, **variables: str) -> Path:
        """Start a process of the cluster in its own directory; return its log."""
        home = self.folder / name
        (home / "tmp").mkdir(parents=True, exist_ok=True)
        own = {"HOME": str(home), "TMPDIR": str(home / "tmp"), "WORKER": name}
        environment = {"PATH": os.environ["PATH"], **own, **variables}
        command = [sys.executable, "-m", f"distributed.cli.{module}", "--no-dashboard", *arguments]
        with (home / "log").open("w") as log:
            self.processes[name] = subprocess.Popen(
                command, cwd=home, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        return home / "log"

    def start_scheduler(self, **variables: str) -> None:
        log = self.start("scheduler", "dask_scheduler", "--host", "127.0.0.1", "--port", "0", **variables)
        found = wait_for(lambda: re.search(r"Scheduler at: +(\S+)", log.read_text()), 30, "the scheduler")
        self.address = found[1]

    def start_worker(self, name: str) -> None:
        """Start a worker, and wait until the scheduler knows it: one that comes late gets the last executions first."""
        log = self.start(name, "dask_worker", self.address, "--no-nanny", "--nthreads", "1", "--name", name)
        wait_for(lambda: "Registered to:" in log.read_text(), 60, f"the worker {name}")

    def stop(self) -> None:
        for process in self.processes.values():
            process.kill()  # a worker whose scheduler has gone would wait for it
            process.wait(60)


@pytest.fixture(scope="module")
def store(server: Any) -> Iterator[dict[str, Any]]:
    with datasets.s3() as endpoint:
        options = {"key": datasets.KEY, "secret": datasets.KEY, "endpoint_url": endpoint}
        ArtifactStore(uri="s3://unused", storage_options=options).save("dask", overwrite=True)
        yield options


@pytest.fixture(scope="module")
def cluster(store: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("dask"), store)
    made.start_scheduler()
    for name in ("a", "b"):
        made.start_worker(name)
    yield made
    made.stop()


@dataclass
class Spread:
    """A run of the pipeline: its flow, and the directory through which its commands talk to the test."""

    flow: Any
    tests: Path
    cluster: Cluster
    state: Any = None

    def worker_of(self, n: int) -> str | None:
        """Return the worker that runs the execution; None if none does."""
        for file in self.tests.glob(f"{n}.*.process"):
            if process_in(file):
                return file.name.split(".")[1]
        return None

    def await_begun(self, *points: int) -> dict[int, str]:
        """Return the workers that run executions, once all of them do."""
        return {n: wait_for(lambda n=n: self.worker_of(n), 30, f"execution {n} to begin") for n in points}

    def end(self, n: int, how: str = "complete") -> None:
        """Let an execution end."""
        (self.tests / "ending").write_text(how)
        (self.tests / "ending").rename(self.tests / f"{n}.end")

    def run(self, control: Callable[[], None]) -> dict[str, Any]:
        """Run the flow while ``control`` runs in another thread; return its record."""
        with ThreadPoolExecutor(1) as thread:
            controlling = thread.submit(copy_context().run, self._controlled, control)
            self.state = self.flow(return_state=True)
            controlling.result()
        name = os.environ["TRANSLATOR_RUN"]
        return dict(self.cluster.store.read_json(key_of("Spread", name, name=RUN)))

    def _controlled(self, control: Callable[[], None]) -> None:
        try:
            control()
        except BaseException:
            for n in range(10):  # so that the run ends
                self.end(n, "fail")
            raise

    @property
    def flow_run(self) -> Any:
        return self.state.state_details.flow_run_id


@pytest.fixture
def spread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Spread]:
    def made(cluster: Cluster, points: list[int], settings: str = "", text: str = TEXT) -> Spread:
        project, tests = tmp_path / "project", tmp_path / "tests"
        project.mkdir()
        tests.mkdir()
        (project / "train.sh").write_text(TRAIN.replace("TESTS", str(tests)))
        (project / "valohai.yaml").write_text(text.replace("POINTS", str(points)))
        configuration = SETTINGS.replace("BUCKET", datasets.BUCKET).replace("ADDRESS", cluster.address)
        (project / "translator.toml").write_text(configuration + settings)
        fetched = take(project, cluster.store).name
        pipeline = load(project / "valohai.yaml").choose()
        file = tmp_path / "elsewhere" / "flow.py"
        file.parent.mkdir()
        file.write_text(target.generate(pipeline, GenerateOptions(fetched=fetched)))
        project.rename(tmp_path / "gone")
        monkeypatch.delenv("TRANSLATOR_PROJECT", raising=False)
        monkeypatch.delenv("TRANSLATOR_STORE", raising=False)
        monkeypatch.setenv("TRANSLATOR_RUN", tmp_path.name)
        return Spread(flow_of(file), tests, cluster)

    return made


def states(record: dict[str, Any]) -> list[str]:
    return [execution["state"] for execution in record["nodes"]["train"]["executions"]]


def test_stop_all_ends_executions_on_both_workers(cluster: Cluster, spread: Callable[..., Spread]) -> None:
    run = spread(cluster, [0, 1, 2])

    def control() -> None:
        workers = run.await_begun(0, 1)
        assert set(workers.values()) == {"a", "b"}
        run.end(0, "fail")
        wait_for(lambda: run.worker_of(1) is None, 10, "the other execution to end")

    record = run.run(control)
    assert record["state"] == "error"
    assert states(record) == ["error", "stopped", "stopped"]
    assert record["nodes"]["train"]["executions"][0]["reason"].endswith("exit status 3")
    assert not list(run.tests.glob("2.*"))
    shown = {name: task_run.state.name for name, task_run in task_runs(run.flow_run, 6).items()}
    assert shown == {
        "prepare": "Completed",
        "train": "Failed",
        "after": "Stopped",
        "train[n=0]": "Failed",
        "train[n=1]": "Stopped",
        "train[n=2]": "Stopped",
    }


@pytest.mark.wide("dask")
def test_a_cancel_ends_executions_on_both_workers(cluster: Cluster, spread: Callable[..., Spread]) -> None:
    run = spread(cluster, [0, 1], "[steps.train.prefect]\nmax_workers = 2\n")

    def control() -> None:
        workers = run.await_begun(0, 1)
        assert set(workers.values()) == {"a", "b"}
        with get_client(sync_client=True) as client:
            (flow_run,) = [one for one in client.read_flow_runs() if one.state.is_running()]
            client.set_flow_run_state(flow_run.id, Cancelling())
        wait_for(lambda: not any(map(run.worker_of, (0, 1))), 10, "both executions to end")

    record = run.run(control)
    assert (record["state"], states(record)) == ("stopped", ["stopped", "stopped"])
    assert run.state.is_cancelled()


@pytest.mark.wide("dask")
def test_an_execution_fails_if_dask_does_not_try_it_again(
    store: dict[str, Any], spread: Callable[..., Spread], tmp_path: Path
) -> None:
    cluster = Cluster(tmp_path / "cluster", store)
    cluster.start_scheduler(DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES="0")
    cluster.start_worker("a")
    run = spread(cluster, [0])

    def control() -> None:
        run.await_begun(0)
        cluster.processes["a"].kill()

    try:
        record = run.run(control)
    finally:
        cluster.stop()
    assert (record["state"], states(record)) == ("error", ["error"])
    lost = record["nodes"]["train"]["executions"][0]
    assert lost["reason"].startswith("KilledWorker: ")
    assert lost["tries"] == 1
    assert task_runs(run.flow_run, 4)["train[0]"].state.name == "Crashed"


@pytest.mark.wide("dask")
def test_many_executions_end_as_on_one_machine(
    cluster: Cluster, spread: Callable[..., Spread], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = spread(cluster, list(range(40)))
    for n in range(40):
        run.end(n)
    there = run.run(lambda: None)
    workers = {execution["metadata"]["worker"] for execution in there["nodes"]["train"]["executions"]}
    assert workers == {"a", "b"}
    monkeypatch.setenv("TRANSLATOR_RUN", f"{os.environ['TRANSLATOR_RUN']}-here")
    monkeypatch.setenv("TRANSLATOR_PRIVATE", "1")  # as in ``translate run``, which no other machine reaches
    monkeypatch.setenv("WORKER", "here")
    here = run.run(lambda: None)
    for execution in (*there["nodes"]["train"]["executions"], *here["nodes"]["train"]["executions"]):
        del execution["metadata"]
    assert differences(there, here) == []


@pytest.mark.wide("dask")
def test_members_of_a_distributed_task_meet_on_both_workers(cluster: Cluster, spread: Callable[..., Spread]) -> None:
    """Their place to meet is in S3. One fails, which ends the other; the second attempt is one of both."""
    grid = "type: grid_search, parameters: [{name: n, style: multiple, rules: {items: POINTS}}]"
    text = TEXT.replace(grid, "type: distributed, execution-count: 2, parameters: []")
    text = text.replace("{parameter-value:n}", "$VH_DIST_MEMBER_INDEX").replace("integer}", "integer, default: 0}")
    text = text.replace("task: grid}", "task: grid, on-error: retry}")
    run = spread(cluster, [], text=text)

    def control() -> None:
        workers = run.await_begun(0, 1)
        assert set(workers.values()) == {"a", "b"}
        run.end(0, "fail")
        wait_for(lambda: run.worker_of(0) is None, 30, "the failure")
        (run.tests / "0.end").unlink()
        wait_for(lambda: run.worker_of(1) is None, 30, "the end of the other member")
        run.await_begun(0, 1)
        for rank in (0, 1):
            run.end(rank)

    record = run.run(control)
    assert (record["state"], states(record)) == ("complete", ["complete"] * 2)
    assert [execution["tries"] for execution in record["nodes"]["train"]["executions"]] == [2, 2]


def test_a_killed_workers_execution_runs_again_and_a_finished_one_does_not(
    cluster: Cluster, spread: Callable[..., Spread]
) -> None:
    run = spread(cluster, [0, 1, 2])

    def control() -> None:
        workers = run.await_begun(0, 1)
        assert set(workers.values()) == {"a", "b"}
        run.end(0)
        lost = run.await_begun(2)[2]
        assert lost == workers[0]
        time.sleep(1)  # the result of 0 is with the flow now, and the worker that is killed need not keep it
        run.cluster.processes[lost].kill()
        wait_for(lambda: run.worker_of(2) is None, 10, "the command of the killed worker to end")
        for n in (1, 2):
            run.end(n)

    record = run.run(control)
    assert (record["state"], states(record)) == ("complete", ["complete"] * 3)
    executions = record["nodes"]["train"]["executions"]
    assert [execution["tries"] for execution in executions] == [1, 1, 2]
    assert len(list(run.tests.glob("0.*.process"))) == 1
    # As on one machine.
    expected = [hashlib.sha256(f"data\n{n}\n".encode()).hexdigest() for n in range(3)]
    assert [file["sha256"] for execution in executions for file in execution["outputs"]] == expected
    assert [execution["parameters"] for execution in executions] == [{"n": n} for n in range(3)]
    shown = task_runs(run.flow_run, 6)
    assert {name for name, task_run in shown.items() if task_run.state.name == "Completed"} == {
        *("prepare", "train", "after"),
        *(f"train[n={n}]" for n in range(3)),
    }
    with get_client(sync_client=True) as client:
        key = ArtifactFilter(key=ArtifactFilterKey(any_=["spread-train"]))
        tables = client.read_artifacts(artifact_filter=key)
    assert any(table.task_run_id == shown["train"].id for table in tables)
