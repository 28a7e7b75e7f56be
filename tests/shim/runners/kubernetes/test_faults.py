"""Test that the reason says what happened to a pod, and that only faults of the infrastructure are tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.contract import Resources
from translator.shim.runners.kubernetes import faults

if TYPE_CHECKING:
    from tests.shim.conftest import Worker
    from tests.shim.runners.kubernetes.conftest import InPod


def test_an_image_that_does_not_exist(worker: Worker, in_pod: InPod) -> None:
    manifest = worker.run(in_pod("true", image="localhost/tests/nothing:1"))
    assert manifest.state == "error"
    assert "the image localhost/tests/nothing:1 cannot be used" in (manifest.reason or "")
    assert not manifest.infrastructure


@pytest.mark.wide("kubernetes")
def test_a_registry_that_does_not_answer(worker: Worker, in_pod: InPod, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translator.shim.runners.kubernetes.follow._BROKEN_IMAGE", 2.0)
    step = in_pod("true", image="127.0.0.1:9/nothing:1", settings={"pull": "missing"})
    manifest = worker.run(step)
    assert manifest.state == "error"
    assert "the image 127.0.0.1:9/nothing:1 cannot be pulled" in (manifest.reason or ""), manifest.reason
    assert manifest.infrastructure


def test_memory_that_runs_out(worker: Worker, in_pod: InPod) -> None:
    step = in_pod("python3 -c 'x = bytearray(300_000_000); print(len(x))'", resources=Resources(memory=64))
    manifest = worker.run(step)
    assert (manifest.state, manifest.exit_status) == ("error", 137), worker.told
    assert "memory ran out" in (manifest.reason or "")
    assert not manifest.infrastructure


def test_a_pod_for_which_there_is_no_node(worker: Worker, in_pod: InPod) -> None:
    manifest = worker.run(in_pod("true", resources=Resources(cpu=500), settings={"start_timeout": 10}))
    assert manifest.state == "error"
    assert "did not start within 10 s: no node can run the pod: 0/1 nodes are available: 1 Insufficient cpu" in str(
        manifest.reason
    )
    assert manifest.infrastructure


def test_a_secret_that_does_not_exist(worker: Worker, in_pod: InPod) -> None:
    manifest = worker.run(in_pod("true", settings={"secrets": {"TOKEN": "nothing-like-it/key"}}))
    assert manifest.state == "error"
    assert 'secret "nothing-like-it" not found' in (manifest.reason or "")
    assert not manifest.infrastructure


def pod(**status: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "spec": {"containers": [{"name": "step", "image": "i"}]}, "status": status}


def waiting(reason: str, message: str = "") -> dict[str, Any]:
    return pod(containerStatuses=[{"name": "step", "state": {"waiting": {"reason": reason, "message": message}}}])


@pytest.mark.parametrize(
    ("seen", "kind", "text"),
    [
        (
            pod(phase="Failed", reason="Evicted", message="low on memory"),
            "infrastructure",
            "Evicted: low",
        ),
        (
            pod(conditions=[{"type": "DisruptionTarget", "status": "True", "reason": "PreemptionByScheduler"}]),
            "infrastructure",
            "PreemptionByScheduler",
        ),
        (waiting("ErrImagePull", "rpc error: not found"), "step", "the image i cannot be pulled"),
        (waiting("ImagePullBackOff", "Back-off pulling image"), "pulling", "the image i cannot be pulled"),
        (waiting("InvalidImageName"), "step", "the image i cannot be used"),
        (waiting("CreateContainerConfigError", 'secret "s" not found'), "step", 'secret "s" not found'),
        (waiting("CreateContainerConfigError", "couldn't find key token in Secret ml/s"), "step", "couldn't find key"),
        (
            waiting("CreateContainerConfigError", "failed to sync secret cache: timed out waiting for the condition"),
            "creating",
            "failed to sync secret cache",
        ),
        (waiting("CreateContainerError", "context deadline exceeded"), "creating", "context deadline exceeded"),
        (waiting("ErrImagePull", "Head https://ecr: no basic auth credentials"), "step", "cannot be pulled"),
        (
            pod(
                conditions=[{"type": "PodScheduled", "status": "False", "message": "taint {dedicated: image-training}"}]
            ),
            "waiting",
            "image-training",
        ),
        (pod(phase="Failed", reason="DeadlineExceeded", message="active too long"), "step", "DeadlineExceeded"),
        (
            pod(
                phase="Running",
                initContainerStatuses=[
                    {
                        "name": "publish",
                        "restartCount": 1,
                        "state": {"running": {}},
                        "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137}},
                    }
                ],
            ),
            "infrastructure",
            "the container 'publish' of the pod p ended, because its memory ran out",
        ),
        (waiting("ContainerCreating"), None, ""),
        (pod(phase="Running"), None, ""),
    ],
)
def test_what_the_server_says_of_pods(seen: dict[str, Any], kind: str | None, text: str) -> None:
    fault = faults.find(seen)
    assert (fault.kind if fault else None) == kind
    assert text in (fault.text if fault else "")
