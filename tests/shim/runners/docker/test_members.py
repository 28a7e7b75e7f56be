"""Run the members of a distributed task in containers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.shim.deployers.deploying import free_port
from translator.shim.contract import Distributed
from translator.shim.distributed.addresses import of_machine
from translator.shim.runners.docker.follow import Follower, Reader

if TYPE_CHECKING:
    from tests.shim.conftest import Worker
    from tests.shim.runners.docker.conftest import InContainer

SCRIPT = """
    import json, os, socket

    group = json.load(open("/valohai/config/distributed.json"))
    rank, address = int(os.environ["VH_DIST_MEMBER_INDEX"]), group["members"][0]["network"]["local_ips"][0]
    if rank == 0:
        with socket.create_server(("", int(os.environ["PORT"]))) as server:
            connection, _ = server.accept()
            open("/valohai/outputs/heard", "wb").write(connection.recv(100))
    else:
        while True:
            try:
                connection = socket.create_connection((address, int(os.environ["PORT"])), timeout=30)
                break
            except ConnectionRefusedError:
                pass
        connection.sendall(b"rank 1")
"""


def test_members_reach_each_other(worker: Worker, in_container: InContainer) -> None:
    worker.script("member.py", SCRIPT)
    step = replace(
        in_container("python3 member.py", time_limit=60, environment={"PORT": str(free_port())}),
        distributed=Distributed(2, timeout=60),
    )
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(lambda rank: worker.run(step, index=rank, kind="task"), range(2))
    assert [(one.state, one.reason) for one in (first, second)] == [("complete", None)] * 2, worker.told
    assert worker.store.read(worker.store.key(first.outputs[0].uri)) == b"rank 1"


def test_a_member_that_waits_in_its_container_ends_with_the_group(worker: Worker, in_container: InContainer) -> None:
    step = replace(in_container("touch /valohai/outputs/began"), distributed=Distributed(2, timeout=1))
    manifest = worker.run(step, kind="task")
    assert manifest.state == "error"
    assert "member 1 did not start within 1 s" in (manifest.reason or "")
    assert not manifest.outputs


class Client:
    """A client of an engine, which says this of a container."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document

    def inspect_container(self, _: str) -> dict[str, Any]:
        return self.document


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"HostConfig": {"NetworkMode": "host"}}, None),
        ({"NetworkSettings": {"IPAddress": "10.88.0.3", "Networks": {}}}, ["10.88.0.3"]),
        (
            {
                "HostConfig": {"NetworkMode": "training"},
                "NetworkSettings": {
                    "IPAddress": "",
                    "Networks": {"training": {"IPAddress": "172.20.0.2", "GlobalIPv6Address": "fd00::2"}, "b": None},
                },
            },
            ["172.20.0.2", "fd00::2"],
        ),
        ({"HostConfig": {"NetworkMode": "none"}, "NetworkSettings": {"Networks": {"none": {"IPAddress": ""}}}}, []),
    ],
)
def test_the_addresses_of_a_container(document: dict[str, Any], expected: list[str] | None) -> None:
    from translator.shim.runners.docker.engine import Address, Engine

    engine = Engine(Address("unix://x"), Client(document))  # type: ignore[arg-type]
    follower = Follower(Reader(engine, "c"), {})
    assert follower.addresses() == (of_machine() if expected is None else expected)
