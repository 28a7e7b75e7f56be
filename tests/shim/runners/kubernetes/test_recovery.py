"""Kill the worker in each phase of a pod, stop the API server, delete pods by hand: nothing is lost or left running."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.shim.runners.kubernetes.conftest import waited
from translator.conformance.runners.worker import Sleeper

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cluster import Cluster
    from tests.shim.conftest import Worker
    from tests.shim.runners.kubernetes.conftest import Driver, InPod


def running(pod: dict[str, Any], container: str) -> bool:
    statuses = pod["status"].get("initContainerStatuses", []) + pod["status"].get("containerStatuses", [])
    return any(one["name"] == container and "running" in one["state"] for one in statuses)


PHASES: dict[str, Callable[[dict[str, Any]], bool]] = {
    "pending": lambda pod: pod["status"]["phase"] == "Pending",
    "staging": lambda pod: running(pod, "stage"),
    "running": lambda pod: running(pod, "step"),
}


@pytest.mark.wide("kubernetes")
@pytest.mark.parametrize("phase", [*PHASES, "publishing"])
def test_a_killed_worker_is_followed_by_another_try(
    phase: str, worker: Worker, in_pod: InPod, cluster: Cluster, start: Callable[..., Driver]
) -> None:
    if phase == "staging":
        for number in range(40):
            worker.script(f"data/{number}", "x" * 4_000_000)
    sleeper = Sleeper()
    big = "head -c 400000000 /dev/zero > /valohai/outputs/big" if phase == "publishing" else sleeper.command
    driver = start(in_pod(f"echo begun; {big}"))
    if phase == "publishing":
        waited(lambda: any((worker_of(worker) / "outputs").glob("big")))
    else:
        waited(lambda: any(map(PHASES[phase], cluster.pods())))
    left = [pod["metadata"]["name"] for pod in cluster.pods()]
    driver.kill()
    manifest = worker.run(in_pod("echo again; echo x > /valohai/outputs/x"), attempt=2)
    assert (manifest.state, worker.output) == ("complete", ["again"]), worker.told
    assert [file.path for file in manifest.outputs] == ["x"]
    assert f"ended the pod {left[0]}, which an earlier attempt" in worker.notes
    assert sleeper.running() == []


def worker_of(worker: Worker) -> Any:
    from pathlib import Path

    here = Path(worker.uri) / ".work"
    return next(iter(here.glob("*/valohai")), here / "none") if here.is_dir() else here


@pytest.mark.wide("kubernetes")
def test_a_pod_whose_worker_is_gone_ends_by_itself(
    worker: Worker, in_pod: InPod, cluster: Cluster, start: Callable[..., Driver]
) -> None:
    sleeper = Sleeper()
    driver = start(in_pod(sleeper.command, settings={"lost_after": 20}))
    waited(sleeper.running)
    driver.kill()
    waited(lambda: not sleeper.running())
    waited(lambda: [pod["status"]["phase"] for pod in cluster.pods()] == ["Failed"])
    assert worker.run(in_pod("true"), attempt=2).state == "complete"


@pytest.mark.wide("kubernetes")
def test_an_api_server_that_is_away_loses_nothing(worker: Worker, in_pod: InPod, cluster: Cluster) -> None:
    def outage() -> None:
        with cluster.server_stopped():
            time.sleep(20)

    begun = threading.Event()
    worker.on_line = lambda line: begun.set() if line == "1" else None
    thread = threading.Thread(target=lambda: begun.wait(240) and outage())
    thread.start()
    command = "for n in $(seq 30); do echo $n; echo $n >> /valohai/outputs/x; sleep 1; done"
    manifest = worker.run(in_pod(command, settings={"lost_after": 240}))
    thread.join()
    assert manifest.state == "complete", worker.told
    assert worker.output == [str(number) for number in range(1, 31)]
    assert "can be reached again" in worker.notes
    assert [file.size for file in manifest.outputs] == [sum(len(f"{number}\n") for number in range(1, 31))]


def test_a_pod_that_is_deleted_by_hand(worker: Worker, in_pod: InPod, cluster: Cluster) -> None:
    sleeper = Sleeper()
    worker.on_line = lambda line: cluster.delete(cluster.pods()[0]["metadata"]["name"]) if line == "ready" else None
    manifest = worker.run(in_pod(f"echo ready; {sleeper.command}"))
    assert manifest.state == "error"
    assert manifest.infrastructure
    assert "was deleted" in (manifest.reason or "")
    assert sleeper.running() == []


def test_a_stop_while_a_pod_waits(worker: Worker, in_pod: InPod, cluster: Cluster) -> None:
    worker.should_stop = lambda: "enough" if "no node can run the pod" in worker.notes else None
    manifest = worker.run(in_pod("true", settings={"node_selector": {"gpu": "none"}}))
    assert (manifest.state, manifest.reason) == ("stopped", "enough")


@pytest.mark.wide("kubernetes")
def test_an_engine_that_ends_all_of_its_executions(worker: Worker, in_pod: InPod) -> None:
    from translator.shim.execution import kill_all

    sleeper = Sleeper()
    ended: list[float] = []

    def kill() -> None:
        begun = time.monotonic()
        kill_all()
        ended.append(time.monotonic() - begun)

    thread = threading.Thread(target=kill)
    worker.on_line = lambda line: thread.start() if line == "ready" else None
    manifest = worker.run(
        in_pod("trap 'echo c > /valohai/outputs/checkpoint; exit 1' TERM", f"echo ready; {sleeper.command} & wait")
    )
    thread.join()
    assert manifest.state == "stopped"
    assert [file.path for file in manifest.outputs] == ["checkpoint"], worker.told
    assert sleeper.running() == []


@pytest.mark.wide("kubernetes")
def test_a_stop_does_not_wait_for_an_api_server_that_is_away(worker: Worker, in_pod: InPod, cluster: Cluster) -> None:
    from contextlib import ExitStack

    sleeper = Sleeper()
    with ExitStack() as ends:
        worker.on_line = lambda line: ends.enter_context(cluster.server_stopped()) if line == "ready" else None
        worker.should_stop = lambda: "enough" if "trying again" in worker.notes else None
        manifest = worker.run(in_pod(f"echo ready; {sleeper.command}", settings={"lost_after": 60}))
        assert (manifest.state, manifest.reason) == ("stopped", "enough"), worker.told
        assert "the outputs are lost" in worker.notes
    waited(lambda: not sleeper.running())


@pytest.mark.wide("kubernetes")
def test_an_execution_waits_for_an_api_server_that_is_away(worker: Worker, in_pod: InPod, cluster: Cluster) -> None:
    with cluster.server_stopped():
        thread = threading.Thread(target=worker.run, args=[in_pod("echo ran", settings={"lost_after": 240})])
        thread.start()
        waited(lambda: "trying again" in worker.notes)
    thread.join()
    assert worker.output == ["ran"], worker.told


def test_a_hostile_command_does_not_get_what_our_containers_have(worker: Worker, in_pod: InPod) -> None:
    worker.should_stop = lambda: "enough" if "ready" in worker.log else None
    control = "cd /translator/control; rm -f problem orders; ln -s /proc/self/environ problem; ln -s /etc/passwd orders"
    manifest = worker.run(in_pod(f"{control}; ln -s /etc/passwd status; echo ready; sleep 2; echo more"))
    assert "TRANSLATOR_HOME" not in "\n".join([str(manifest.reason), *worker.log])
    assert (manifest.state, manifest.reason) == ("stopped", "enough"), worker.told


@pytest.mark.wide("kubernetes")
def test_fifty_executions_at_once(worker: Worker, in_pod: InPod, cluster: Cluster) -> None:
    """The image has only ``sh``; a node may run them in turns."""
    from concurrent.futures import ThreadPoolExecutor

    worker.script("a.txt", "a\n")
    step = in_pod(
        'read -r line < a.txt; echo "$line $VH_INDEX" > /valohai/outputs/x; echo done',
        image=cluster.sh_image,
        settings={"lost_after": 300},
    )

    def run(index: int) -> Any:
        own = replace(step, environment={"VH_INDEX": str(index)})
        return worker.run(own, index=index)

    with ThreadPoolExecutor(50) as threads:
        manifests = list(threads.map(run, range(50)))
    assert [manifest.reason for manifest in manifests] == [None] * 50
    assert [(len(manifest.outputs), manifest.outputs[0].size) for manifest in manifests] == [
        (1, len(f"a {index}\n")) for index in range(50)
    ]
    assert worker.output == ["done"] * 50
