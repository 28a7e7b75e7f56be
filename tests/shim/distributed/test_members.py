"""Run distributed tasks: their members start together, and end together."""

from __future__ import annotations

import json
import shlex
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import pytest

from translator.shim.contract import Distributed, Parameter, Step
from translator.shim.distributed import addresses, group
from translator.shim.execution import execute
from translator.shim.store import open_store

PYTHON = shlex.quote(sys.executable)
SCRIPT = """
    import json, os, pathlib, sys, time

    rank = int(os.environ["VH_DIST_MEMBER_INDEX"])
    known = json.load(open(os.environ["VH_CONFIG_DIR"] + "/distributed.json"))
    ranks = [member["member_id"] for member in known["members"]]
    assert ranks == [str(n) for n in range(int(os.environ["VH_DIST_MEMBER_COUNT"]))], ranks
    place = pathlib.Path(os.environ["MARKS"])
    (place / f"began-{rank}").touch()
    does = os.environ.get(f"MEMBER_{rank}", "")
    if does == "wait":
        while not (place / "go").exists():
            time.sleep(0.02)
    pathlib.Path(os.environ["VH_OUTPUTS_DIR"], f"out-{rank}").write_text(known["config"]["group_name"])
    sys.exit(int(does) if does.isdecimal() else 0)
"""


@pytest.fixture(autouse=True)
def fast(monkeypatch):
    monkeypatch.setattr(group, "PAUSE", 0.02)
    monkeypatch.setattr(group, "ASK_EVERY", 0.05)


@dataclass
class Together:
    """The members of a distributed task, each in a thread as an engine would run it."""

    worker: object
    members: int = 3
    timeout: float = 30.0
    does: dict[str, str] = field(default_factory=dict)
    """What members do, by environment variable."""
    ended: dict[int, str] = field(default_factory=dict)
    """What the engine says of members that have ended."""
    stopped: dict[int, str] = field(default_factory=dict)
    """Why members must stop."""
    resumes: str | None = None

    def step(self) -> Step:
        marks = str(self.worker.project.parent)
        return Step(
            "train",
            [f"{PYTHON} member.py"],
            parameters=[Parameter("x", "integer", 1)],
            environment={"MARKS": marks, **self.does},
            distributed=Distributed(self.members, self.timeout),
        )

    def run(self, *ranks: int, attempt: int = 1, round_name: str = "", parameters=None):
        self.worker.script("member.py", SCRIPT)

        def member(rank):
            context = replace(
                self.worker.context(index=rank, attempt=attempt, kind="task"),
                ended_members=lambda: {index: state for index, state in self.ended.items() if index != rank},
                round=round_name,
                resumes=self.resumes,
                should_stop=lambda: self.stopped.get(rank),
            )
            return execute(self.step(), context, parameters=parameters or {})

        chosen = ranks or tuple(range(self.members))
        with ThreadPoolExecutor(len(chosen)) as threads:
            return list(threads.map(member, chosen))

    def begin(self, *ranks: int, **options):
        """Run members in the background; return the function that waits for their manifests."""
        pool = ThreadPoolExecutor(1)
        future = pool.submit(self.run, *ranks, **options)
        return future.result

    def wait_for(self, name):
        deadline = time.monotonic() + 60
        while not (self.worker.project.parent / name).exists():
            assert time.monotonic() < deadline, self.worker.told
            time.sleep(0.02)


@pytest.fixture
def together(worker):
    return Together(worker)


def states(manifests):
    return [(manifest.state.value, manifest.reason) for manifest in manifests]


def test_no_command_starts_before_all_members_are_ready(together):
    first = together.begin(0, 1)
    folder = together.worker.project.parent
    deadline = time.monotonic() + 60
    while together.worker.told.count("waits for the other members of group 1") < 2:
        assert time.monotonic() < deadline, together.worker.told
        time.sleep(0.02)
    assert not list(folder.glob("began-*"))
    last = together.run(2)
    assert states([*first(), *last]) == [("complete", None)] * 3


def test_all_members_read_the_same_group(together):
    """The vendor's package reads it (``test_valohai_utils``); here is what it does not: YAML, and the duplicate."""
    manifests = together.run()
    names = {json.loads(json.dumps(m.outputs[0].path)) for m in manifests}
    assert names == {"out-0", "out-1", "out-2"}
    texts = {together.worker.store.read(together.worker.store.key(m.outputs[0].uri)) for m in manifests}
    assert len(texts) == 1
    assert texts.pop().startswith(b"task-")


def test_a_member_that_fails_ends_the_others(together):
    together.does = {"MEMBER_0": "wait", "MEMBER_1": "3", "MEMBER_2": "wait"}
    first, second, third = together.run()
    reason = "member 1 of its group failed: the command ended with exit status 3"
    assert states([first, third]) == [("error", reason)] * 2
    assert (second.state, second.exit_status) == ("error", 3)


def test_a_member_whose_command_has_succeeded_waits_and_fails_with_the_others(together):
    together.does = {"MEMBER_1": "wait"}
    ended = together.begin()
    together.wait_for("began-1")
    while "its command has succeeded; waits for the other members of the group" not in together.worker.told:
        time.sleep(0.02)
    together.ended = {1: "failed"}
    manifests = ended()
    assert [manifest.state for manifest in manifests] == ["error"] * 3
    assert "member 1 of its group failed: it was lost: it is failed in the engine" in manifests[0].reason


def test_a_member_that_gives_no_sign_of_life_is_lost(together, monkeypatch):
    """Its machine is gone, and the engine does not know yet, or lets it wait for a slot that the others hold."""
    monkeypatch.setattr(group, "BEAT_EVERY", 0.05)
    monkeypatch.setattr(group, "LOST_AFTER", 4.0)
    store, identity = together.worker.store, together.worker.context(kind="task").id
    gone = group.join(store, replace(identity, index=2), members=3, timeout=30)
    store.write_json(
        f"{gone.folder}/ready-2.json",
        {"index": 2, "identity": "gone", "attempt": 1, "addresses": ["192.0.2.7"], "time": "2026-11-29T08:00:00Z"},
    )
    together.does = {"MEMBER_1": "wait"}  # while 0 has succeeded, and waits for the others
    manifests = together.run(0, 1)
    reason = "member 2 of its group failed: it was lost: it gave no sign of life for 4 s"
    assert states(manifests) == [("error", reason)] * 2
    assert len([name for name in store.names(gone.folder) if name.startswith("alive-0.")]) == 1


def test_each_attempt_is_a_new_group_of_all_members(together):
    together.does = {"MEMBER_1": "3"}
    assert [m.state for m in together.run()] == ["error"] * 3
    together.does = {}
    second = together.run(attempt=2)
    assert states(second) == [("complete", None)] * 3
    names = [together.worker.store.read(together.worker.store.key(m.outputs[0].uri)) for m in second]
    together.run(attempt=3)
    third = together.worker.manifests()
    assert [m.id.attempt for m in third] == [3] * 3
    assert together.worker.store.read(together.worker.store.key(third[0].outputs[0].uri)) not in names
    assert {"group-1", "group-2", "group-3"} <= set(together.worker.store.names(key_of_node(together)))


def key_of_node(together):
    identity = together.worker.context().id
    return group.key_of(identity.pipeline, identity.run, identity.node)


def test_a_member_that_begins_after_another_failed_fails_too(together):
    """So all have the same attempts; else it would wait in another group for members that never come."""
    together.does = {"MEMBER_1": "wait"}
    together.stopped = {}
    together.timeout = 1
    early = together.run(0)
    assert "member 1 and 2" not in early[0].reason
    assert early[0].reason.startswith(
        "the members of the group did not come together: members 1, 2 did not start within 1 s; all 3 members must run"
    )


def test_a_late_member_joins_a_failed_group(together):
    store, identity = together.worker.store, together.worker.context(kind="task").id
    one = group.join(store, identity, members=3, timeout=1)
    one.leave("failed", "no disk\nmore")
    (late,) = together.run(2)
    assert states([late]) == [("error", "member 0 of its group failed: no disk")]


def test_a_failed_group_of_an_earlier_attempt_at_the_run_is_not_joined(together):
    store, identity = together.worker.store, together.worker.context(kind="task").id
    group.join(store, identity, members=3, timeout=1, round_name="1").leave("failed", "no disk")
    assert states(together.run(round_name="2", attempt=2)) == [("complete", None)] * 3


def test_a_member_that_is_cleared_alone_does_not_wait_for_ever(together):
    assert states(together.run()) == [("complete", None)] * 3
    together.ended = {0: "success", 1: "success"}
    (alone,) = together.run(2, attempt=2)
    assert alone.state == "error"
    assert alone.reason == (
        "the members of the group did not come together: members 0, 1 had ended before (success), and did not join: "
        "a member of a distributed task cannot run alone: run all of them again"
    )
    together.ended = {}
    assert states(together.run(attempt=3)) == [("complete", None)] * 3


def test_a_member_that_is_started_again_ends_its_group(together):
    """Its first attempt was killed with its worker, and the engine does not know better than to repeat it."""
    store, identity = together.worker.store, together.worker.context(kind="task").id
    killed = group.join(store, identity, members=3, timeout=1)
    assert killed.number == 1
    others = together.begin(1, 2)
    while together.worker.told.count("waits for the other") < 2:
        time.sleep(0.02)
    again = group.join(store, identity, members=3, timeout=1)
    assert again.number == 2
    assert states(others()) == [("error", "member 0 of its group failed: it was started again")] * 2


def test_members_wait_no_longer_than_the_limit_and_the_reason_names_who_is_missing(together):
    together.timeout = 0.3
    first, second = together.run(0, 2)
    for manifest in (first, second):
        assert manifest.state == "error"
        assert manifest.reason.startswith(
            "the members of the group did not come together: member 1 did not start within 0.3 s;"
        )
        assert "has as many free slots" in manifest.reason


def test_a_member_that_waits_is_stopped_at_once(together):
    ended = together.begin(0, 1)
    while together.worker.told.count("waits for the other members") < 2:
        time.sleep(0.02)
    together.stopped = {0: "stopped: another node failed"}
    first, second = ended()
    assert states([first]) == [("stopped", "stopped: another node failed")]
    assert second.state == "stopped"
    assert "member 0 of its group was stopped: stopped: another node failed" in second.reason


def test_a_stopped_member_stops_the_others_and_fails_none(together):
    together.does = {f"MEMBER_{rank}": "wait" for rank in range(3)}
    ended = together.begin()
    for rank in range(3):
        together.wait_for(f"began-{rank}")
    together.stopped = {1: "the run was cancelled"}
    assert [manifest.state for manifest in ended()] == ["stopped"] * 3


def test_bad_values_fail_all_members_before_their_commands(together):
    manifests = together.run(parameters={"x": "many"})
    assert [manifest.state for manifest in manifests] == ["error"] * 3
    assert not list(together.worker.project.parent.glob("began-*"))


def test_a_resumed_group_is_kept_as_a_whole_or_not_at_all(together):
    assert states(together.run()) == [("complete", None)] * 3
    together.resumes = together.worker.context().id.run
    kept = together.run(attempt=2)
    assert all(manifest.reused for manifest in kept), together.worker.told
    again = together.run(attempt=3)
    assert all(manifest.reused for manifest in again)
    # One output is gone: no member is kept.
    store = together.worker.store
    gone = store.folder / store.key(kept[1].outputs[0].uri)
    gone.unlink()
    anew = together.run(attempt=4)
    assert [(manifest.state, manifest.reused) for manifest in anew] == [("complete", "")] * 3
    assert "an output of member 1 of its group was deleted or changed" in together.worker.told


def test_a_group_that_failed_in_part_is_not_kept_in_part(together):
    together.does = {"MEMBER_2": "1"}
    together.run()
    together.resumes, together.does = together.worker.context().id.run, {}
    assert [(m.state, m.reused) for m in together.run(attempt=2)] == [("complete", "")] * 3


def test_the_engine_tells_of_a_member_that_could_not(together):
    """Also before anybody has joined: those who come later must not wait."""
    store, identity = together.worker.store, together.worker.context(index=1, kind="task").id
    group.lose(store, identity, members=3, round_name="", reason="its worker is gone")
    (other,) = together.run(0)
    assert states([other]) == [("error", "member 1 of its group failed: its worker is gone")]
    group.lose(store, identity, members=3, round_name="", reason="again")
    assert len([name for name in store.names(key_of_node(together)) if name.startswith("group-")]) == 1


@pytest.mark.parametrize("content", [b"{}", b"[1]", b"3", b'{"end": "failed"}', b'{"end": "failed", "member": "x"}'])
def test_damaged_files_of_a_group_are_errors_with_a_reason(together, content):
    ended = together.begin(0)
    while "waits for the other members" not in together.worker.told:
        time.sleep(0.02)
    folder = f"{key_of_node(together)}/group-1"
    together.worker.store.write(f"{folder}/ended.json", content)
    if content == b"{}":
        together.stopped = {0: "enough"}
    (manifest,) = ended()
    assert manifest.state in {"error", "stopped"}
    assert "Traceback" not in (manifest.reason or "")


@pytest.mark.parametrize("scheme", ["", "memory:/"])
def test_many_members_that_join_at_once_are_one_group(together, scheme):
    """Also in an object store, which has no file that only one can create."""
    uri, base = f"{scheme}{together.worker.uri}", together.worker.context(kind="task").id
    barrier = threading.Barrier(12)

    def join(rank):
        store = open_store(uri)
        barrier.wait()
        return group.join(store, replace(base, index=rank), members=12, timeout=1).number

    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(join, range(12))) == [1] * 12
        assert list(threads.map(join, range(12))) == [2] * 12


def test_the_machine_has_an_address_that_others_can_connect_to():
    import socket

    found = addresses.of_machine()
    assert found
    with socket.create_server((found[0], 0)) as server, socket.create_connection(server.getsockname()[:2], 5):
        pass
