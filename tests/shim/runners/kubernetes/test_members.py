"""Run the members of a distributed task in pods, which reach each other at the pods' addresses."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.shim.runners.docker.test_members import SCRIPT
from translator.shim.contract import Distributed
from translator.shim.runners import RunnerError
from translator.shim.runners.kubernetes.follow import _addresses

if TYPE_CHECKING:
    from tests.shim.conftest import Worker
    from tests.shim.runners.kubernetes.conftest import InPod


def test_members_reach_each_other_and_wait_no_longer_than_they_may(worker: Worker, in_pod: InPod) -> None:
    worker.script("member.py", SCRIPT)
    # A pod has all ports for itself, unless it uses the network of its node, as those of some test clusters do.
    step = replace(
        in_pod("python3 member.py", time_limit=120, environment={"PORT": "29517"}),
        distributed=Distributed(2, timeout=300),
    )
    alone = replace(step, distributed=Distributed(2, timeout=5))
    with ThreadPoolExecutor(3) as threads:
        late = threads.submit(worker.run, alone, node="alone", kind="task")
        first, second = threads.map(lambda rank: worker.run(step, index=rank, kind="task"), range(2))
    assert [(one.state, one.reason) for one in (first, second)] == [("complete", None)] * 2, worker.told
    assert worker.store.read(worker.store.key(first.outputs[0].uri)) == b"rank 1"
    assert "member 1 did not start within 5 s" in (late.result().reason or "")


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ({"podIP": "10.244.0.7"}, ["10.244.0.7"]),
        ({"podIP": "10.244.0.7", "podIPs": [{"ip": "10.244.0.7"}, {"ip": "fd00::7"}]}, ["10.244.0.7", "fd00::7"]),
    ],
)
def test_the_addresses_of_a_pod(status: dict[str, Any], expected: list[str]) -> None:
    assert _addresses({"status": status}) == expected


def test_a_pod_without_an_address_is_an_error() -> None:
    with pytest.raises(RunnerError, match="no IP address"):
        _addresses({"status": {}})
