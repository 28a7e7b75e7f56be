"""Run steps in containers of a real engine."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.podman import SH_IMAGE
from translator.shim.contract import Connection, Input, Parameter, Resources, output
from translator.shim.execution import execute, kill_all
from translator.shim.inputs import edges

if TYPE_CHECKING:
    from pathlib import Path

    from tests.podman import Podman
    from tests.shim.conftest import Worker
    from tests.shim.runners.docker.conftest import InContainer


def test_a_script_finds_the_directories_of_valohai(worker: Worker, in_container: InContainer) -> None:
    worker.script(
        "train.py",
        """
        import json, os
        print(json.load(open("/valohai/config/parameters.json")), open("/valohai/inputs/data/data.csv").read())
        open("/valohai/outputs/model", "w").write("made")
        open("left", "w").write("")
        print(os.getcwd(), os.environ["VH_OUTPUTS_DIR"], os.environ.get("HOME"), os.environ.get("TMPDIR"))
        print(json.dumps({"score": 2}))
        """,
    )
    (worker.project / "data.csv").write_text("1,2")
    manifest = worker.run(
        in_container(
            "python3 train.py {parameters}",
            parameters=[Parameter("lr", "float", 0.1)],
            inputs=[Input("data", ["data.csv"])],
        )
    )
    assert manifest.state == "complete", worker.told
    assert worker.output == [
        "{'lr': 0.1} 1,2",
        "/valohai/repository /valohai/outputs / None",
        json.dumps({"score": 2}),
    ]
    assert [(file.path, file.size) for file in manifest.outputs] == [("model", 4)]
    assert manifest.metadata == {"score": 2}
    assert sorted(path.name for path in worker.project.iterdir()) == ["data.csv", "train.py"]


def test_the_image_needs_nothing_but_sh(worker: Worker, in_container: InContainer) -> None:
    manifest = worker.run(in_container("echo made > /valohai/outputs/model; echo out; echo err >&2", image=SH_IMAGE))
    assert manifest.state == "complete", worker.told
    assert sorted(worker.output) == ["err", "out"]
    assert [file.path for file in manifest.outputs] == ["model"]


@pytest.mark.parametrize(
    ("command", "status", "reason"),
    [
        ("echo last; exit 7", 7, "exit status 7; its last lines:\nlast"),
        ("nothing-like-it", 127, "nothing-like-it: not found"),
        ("kill -9 $$", 137, "exit status 137 (SIGKILL"),
        ("kill -TERM $$", 143, "exit status 143 (SIGTERM)"),
    ],
)
def test_a_failure_has_its_exit_status(
    worker: Worker, in_container: InContainer, command: str, status: int, reason: str
) -> None:
    manifest = worker.run(in_container(command, image=SH_IMAGE))
    assert (manifest.state, manifest.exit_status) == ("error", status)
    assert reason in (manifest.reason or "")
    # The shell that waits for the command says nothing of its own.
    assert not any(line.startswith(("Killed", "Terminated")) for line in worker.output)


def test_links_to_what_only_the_container_has_lose_no_file(worker: Worker, in_container: InContainer) -> None:
    manifest = worker.run(
        in_container(
            "cd /valohai/outputs; echo 1 > best; ln -s /valohai/outputs/best latest; ln -s /etc/passwd secret",
        )
    )
    # What an absolute link means on the worker would be another file.
    assert manifest.state == "error"
    assert "'secret' is a symbolic link to '/etc/passwd', outside the workspace" in (manifest.reason or "")
    assert [(file.path, file.size) for file in manifest.outputs] == [("best", 2), ("latest", 2)]


def test_lines_come_as_they_are_printed(worker: Worker, in_container: InContainer) -> None:
    seen = threading.Event()

    def hear(line: str) -> None:
        if line == "first":
            (next(worker.store.scratch().glob("*/valohai")) / "outputs/heard").touch()
            seen.set()

    worker.on_line = hear
    manifest = worker.run(in_container("echo first; until [ -e /valohai/outputs/heard ]; do sleep 0.05; done"))
    assert manifest.state == "complete"
    assert seen.is_set()


def test_much_output_arrives_whole(worker: Worker, in_container: InContainer) -> None:
    worker.run(
        in_container(
            "python3 -c 'for n in range(50000): print(n)'; python3 -c 'import sys; sys.stderr.write(\"x\" * 300000)'"
        )
    )
    assert [line for line in worker.output if line.isdecimal()] == [str(number) for number in range(50_000)]
    assert worker.output[-1].startswith("x" * 1000)
    assert worker.output[-1].endswith("[truncated: the line has 300000 bytes]")


def test_a_command_does_not_see_the_worker(
    worker: Worker, in_container: InContainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "of the worker")
    monkeypatch.setenv("WANTED", "passes")
    manifest = worker.run(
        in_container(
            "env; ls /work || echo no work",
            environment={"COLOUR": "red", "WHERE": "/valohai/outputs"},
            required_environment=["WANTED"],
        )
    )
    assert manifest.state == "complete"
    assert "TOKEN=of the worker" not in worker.output
    assert {"WANTED=passes", "COLOUR=red", "WHERE=/valohai/outputs", "no work"} <= set(worker.output)


@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        ({"time_limit": 1.0}, "ended at its time limit of 1 s; its last lines:\n"),
        ({"no_output_timeout": 1.0}, "ended because it printed nothing for 1 s"),
    ],
)
def test_limits_end_everything_gently(
    worker: Worker, in_container: InContainer, limits: dict[str, float], reason: str
) -> None:
    command = "trap 'echo terminated; exit 0' TERM; (trap '' TERM; sleep 600) & while :; do sleep 0.1; done"
    manifest = worker.run(in_container(command, **limits))
    assert manifest.state == "error"
    assert reason in (manifest.reason or "")
    # Its shell says of its own child that it was terminated.
    assert set(worker.output) - {"Terminated"} == {"terminated"}


def test_a_stop_ends_a_command_that_ignores_it(worker: Worker, in_container: InContainer) -> None:
    worker.should_stop = lambda: "a node failed" if worker.output else None
    command = "trap '' TERM; echo kept > /valohai/outputs/checkpoint; echo started; while :; do sleep 0.1; done"
    manifest = worker.run(in_container(command))
    assert (manifest.state, manifest.reason) == ("stopped", "a node failed")
    assert [file.path for file in manifest.outputs] == ["checkpoint"]


def test_kill_all_ends_containers(worker: Worker, in_container: InContainer, podman: Podman) -> None:
    ended: list[list[str]] = []

    def strike(line: str) -> None:
        if line == "started":
            kill_all()
            ended.append(podman.run("ps", "--quiet").split())

    worker.on_line = strike
    manifest = worker.run(in_container("echo started; while :; do sleep 0.1; done"))
    assert manifest.state == "stopped"
    assert ended == [[]]


def test_an_exception_of_the_engine_ends_the_container(worker: Worker, in_container: InContainer) -> None:
    class Cancelled(BaseException):
        pass

    def cancel() -> None:
        if worker.output:
            raise Cancelled

    worker.should_stop = cancel
    with pytest.raises(Cancelled):
        worker.run(in_container("echo started; while :; do sleep 0.1; done"))
    assert [manifest.state for manifest in worker.manifests()] == ["stopped"]


def test_what_a_command_leaves_running_finishes_its_lines_or_ends(worker: Worker, in_container: InContainer) -> None:
    manifest = worker.run(
        in_container(
            "(sleep 0.2; echo late) &",
            "(trap 'echo terminated; exit' TERM; while :; do sleep 0.1; done) & echo now",
        )
    )
    assert manifest.state == "complete"
    assert [line for line in worker.output if line != "Terminated"] == ["now", "late", "terminated"]


def test_the_memory_limit_holds_and_is_the_reason(worker: Worker, in_container: InContainer) -> None:
    manifest = worker.run(in_container("exec python3 -c 'held = bytearray(300 << 20)'", resources=Resources(memory=64)))
    assert (manifest.state, manifest.exit_status) == ("error", 137)
    assert "memory ran out: the system killed 1 process(es)" in (manifest.reason or "")


def test_the_step_decides_on_processors_and_devices(worker: Worker, in_container: InContainer) -> None:
    manifest = worker.run(
        in_container(
            "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null; ls /dev/fuse",
            resources=Resources(cpu=0.5, devices={"/dev/fuse": 1}),
        )
    )
    assert manifest.state == "complete", worker.told
    assert worker.output in (["50000 100000", "/dev/fuse"], ["50000", "/dev/fuse"])
    refused = worker.run(in_container("true", resources=Resources(devices={"google.com/tpu": 1})))
    assert "cannot have the device 'google.com/tpu'" in (refused.reason or "")


def test_volumes_are_shared_and_caches_outlive_containers(
    worker: Worker, in_container: InContainer, podman: Podman, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/file").write_text("shared")
    settings = {"volumes": [f"{tmp_path}/data:/data:ro", "translator-tests:/cache"]}
    command = "cat /data/file; echo; ls /cache; touch /cache/kept; touch /data/new"
    worker.run(in_container(command, settings=settings))
    worker.run(in_container(command, settings=settings), index=1)
    assert podman.empty()
    podman.run("volume", "rm", "translator-tests")
    assert [line for line in worker.output if "touch" not in line] == ["shared", "shared", "kept"]
    assert not (tmp_path / "data/new").exists()


@pytest.mark.parametrize("user", ["1000:1000", "worker"])
def test_a_user_of_the_image_can_write_and_the_worker_owns_the_result(
    worker: Worker, in_container: InContainer, user: str
) -> None:
    worker.script("run.sh", "id -u; echo made > made; mkdir -p /valohai/outputs/a; echo 1 > /valohai/outputs/a/b")
    manifest = worker.run(in_container("sh run.sh", "echo more >> run.sh", settings={"user": user}))
    assert manifest.state == "complete", worker.told
    assert worker.output == [user.partition(":")[0] if user != "worker" else str(os.getuid())]
    assert [file.path for file in manifest.outputs] == ["a/b"]
    assert not list(worker.store.scratch().iterdir())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"image": None}, "step 'step' does not have an image, so it cannot run in a container"),
        ({"image": "localhost/tests/none:1"}, "the image localhost/tests/none:1 is not on the container engine"),
        (
            {"image": "127.0.0.1:1/none:1", "settings": {"pull": "missing"}},
            "cannot pull the image 127.0.0.1:1/none:1: ",
        ),
        ({"settings": {"host": "unix:///nowhere/sock"}}, "unix:///nowhere/sock: No such file or directory"),
        ({"settings": {"pul": "never"}}, "does not have the setting 'pul'"),
        ({"settings": {"connection": "gpu"}}, "the connection 'gpu' of the docker runner does not exist"),
        ({"settings": {"network": "none-such"}}, "none-such"),
    ],
)
def test_what_keeps_a_container_from_starting_is_the_reason(
    worker: Worker, in_container: InContainer, fields: dict, reason: str
) -> None:
    manifest = worker.run(in_container("true", **fields))
    assert manifest.state == "error"
    assert reason in (manifest.reason or "")
    assert "Traceback" not in "\n".join(worker.log)


def test_the_engine_may_restart_while_a_command_runs(worker: Worker, in_container: InContainer, podman: Podman) -> None:
    restarted = threading.Event()

    def restart() -> None:
        podman.restart()
        (next(worker.store.scratch().glob("*/valohai")) / "outputs/restarted").touch()
        restarted.set()

    worker.on_line = lambda line: line == "before" and threading.Thread(target=restart).start()
    manifest = worker.run(
        in_container("echo before; until [ -e /valohai/outputs/restarted ]; do sleep 0.1; done; echo after; exit 3")
    )
    assert restarted.is_set()
    assert worker.output == ["before", "after"]
    assert manifest.exit_status == 3


def test_connections_of_the_engine_tell_the_host(worker: Worker, in_container: InContainer, podman: Podman) -> None:
    step = in_container("echo here", settings={"host": None, "connection": "gpu"})
    step = replace(step, runner=replace(step.runner, settings={"connection": "gpu", "pull": "never"}))
    context = replace(worker.context(), connection={"gpu": Connection(str(podman.socket))}.get)
    assert execute(step, context).state == "complete"
    assert worker.output == ["here"]


def test_an_input_that_root_wrote_to_fails_the_execution(worker: Worker, in_container: InContainer) -> None:
    (worker.project / "data.csv").write_text("1,2")
    made = worker.run(in_container("echo made > /valohai/outputs/model"), node="made")
    step = in_container(
        "echo evil >> /valohai/inputs/data/data.csv; echo evil >> /valohai/inputs/model/model",
        inputs=[Input("data", ["data.csv"]), Input("model")],
    )
    inputs = {"model": edges.files(step.inputs[1], [output("made")], "replace", {"made": [made]})}
    manifest = worker.run(step, inputs=inputs)
    assert manifest.state == "error"
    assert "the command wrote to its input model" in (manifest.reason or "")
    assert (worker.project / "data.csv").read_text() == "1,2"
    again = worker.run(in_container("cat /valohai/inputs/model/model", inputs=[Input("model")]), inputs=inputs)
    assert "has changed since it was published" in (again.reason or "")
