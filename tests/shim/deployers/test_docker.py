"""Test the deployer ``docker``: real servers in containers behind a real front."""

from __future__ import annotations

import importlib.util
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.shim.deployers.in_containers import ContainerMachine
from translator.shim.contract import Deployment, Endpoint
from translator.shim.deployers import DeployError
from translator.shim.deployers.docker.settings import check, lacks, read, unreachable
from translator.shim.deployers.local.state import State
from translator.shim.deployers.local.supervisor import Supervisor
from translator.shim.runners import RunnerError
from translator.shim.runners.docker import labels

pytest.importorskip("docker")

ROOT = Path(__file__).resolve().parents[3]
KILLS = int(os.environ.get("TRANSLATOR_KILLED_DEPLOYERS", "5"))


@pytest.fixture(scope="module")
def machine(podman, tmp_path_factory):
    folder = tmp_path_factory.mktemp("d")
    machine = ContainerMachine(folder / "s", folder / "project", podman.url)
    yield machine
    machine.administration.stop_all()
    assert podman.empty()
    assert not Supervisor(machine.directory).is_alive()


def wait_until(condition):
    deadline = time.monotonic() + 60
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def names(podman):
    """Return the names of the deployers' containers."""
    listed = podman.run("ps", "--all", "--filter", "label=pipeline-translator.deployments", "--format", "{{.Names}}")
    return sorted(listed.split())


def test_a_version_serves_behind_its_alias(machine, podman):
    deployed = machine.serve(
        "one", aliases=("live", "staging"), variables={"COLOUR": "red"}, resources={"memory": {"max": 200}}
    )
    assert (deployed.id, deployed.version) == ("digits", "1")
    assert deployed.urls == {"predict": f"http://127.0.0.1:{machine.port}/digits/staging/predict/"}
    status, text = machine.get("/digits/live/predict/path?x=1", b"body")
    assert (status, text) == (200, "one|/digits/live/predict/path?x=1|/digits/live/predict|/digits/1/predict|body")
    assert machine.get("/digits/other/predict/")[0] == 404
    (version,) = machine.administration.versions()
    assert (version.aliases, version.servers[0].state) == (["live", "staging"], "running")
    logs = machine.administration.logs
    wait_until(lambda: any("POST /digits/live/predict/path" in line for line in logs("digits", "1", None)))
    (name,) = names(podman)
    about = podman.run("inspect", "--format", "{{json .Config}} {{json .HostConfig.Memory}}", name)
    assert "COLOUR=red" in about
    assert about.split()[-1] == str(200 << 20)
    # What ends containers of workers that are gone leaves it alone.
    assert labels.WORKER not in about
    assert (machine.directory / "identity.txt").stat().st_mode & 0o077 == 0


IMMEDIATE = [
    ({"image": "localhost/none:1"}, "the image localhost/none:1 is not on the container engine"),
    ({"image": None}, "endpoint 'predict' needs an image, which the deployer 'docker' runs"),
    ({"resources": {"devices": {"google.com/tpu": 1}}}, "a container cannot have the device 'google.com/tpu'"),
    ({"engine": "tcp://10.1.2.3:2375"}, "the engine tcp://10.1.2.3:2375 is on another machine"),
    ({"connection": "none"}, "the connection 'none' of .* does not exist"),
    ({"command": "echo no model here; exit 3"}, r"'predict' ended while it started; its last lines:\nno model here"),
]
SLOW = [
    ({"image": "127.0.0.1:1/none:1", "pull": "missing"}, "cannot pull the image 127.0.0.1:1/none:1"),
    ({"command": "exec sleep 600", "timeout": 3}, r"'predict' is not healthy after 3 s: .*VALOHAI_PORT"),
    ({"health": "/health", "variables": {"SICK": "1"}, "timeout": 10}, "/health answers with status 503"),
]


@pytest.mark.parametrize("failures", [IMMEDIATE, pytest.param(SLOW, marks=pytest.mark.wide("deployers"))])
def test_a_failed_version_leaves_the_old_one_serving_and_nothing_behind(machine, podman, failures):
    name = f"guarded-{len(failures)}"
    machine.serve("good", name=name)
    before = names(podman)
    for options, message in failures:
        with pytest.raises(RunnerError, match=message):
            machine.serve("bad", name=name, **options)
        assert machine.model(name=name) == "good"
        assert names(podman) == before

    class StopError(Exception):
        pass

    def stop():
        if len(names(podman)) > len(before):
            raise StopError

    with pytest.raises(StopError):
        machine.serve("bad", "exec sleep 600", name=name, pulse=stop)
    assert names(podman) == before
    assert State(machine.directory).numbers(name) == [1]


WSGI = """\
import gunicorn, packaging  # of the image, which here has them from the project

def app(environ, start_response):
    start_response("200 OK", [])
    return [environ["HTTP_X_VH_PREFIX"].encode()]
"""


@pytest.mark.wide("deployers")
def test_containers_in_a_bridged_network(machine, podman):
    """Listen at the declared port, which the engine publishes; the server ends, and the engine starts it again."""
    if not Path("/usr/lib/cni/bridge").exists():
        pytest.skip("this machine has no networks for containers")
    (machine.project / "wsgi.py").write_text(WSGI)
    for package in ("gunicorn", "packaging"):
        shutil.copytree(Path(importlib.util.find_spec(package).origin).parent, machine.project / package)
    machine.serve("one", name="bridged", network="bridge")
    machine.serve("two", name="bridged", network="bridge")
    assert [machine.model(number, "bridged") for number in "12"] == ["one", "two"]
    machine.serve("", name="wsgi", network="bridge", wsgi="wsgi:app", port=8080)
    assert machine.get("/wsgi/live/predict/") == (200, "/wsgi/live/predict")
    assert machine.get("/bridged/live/predict/crash")[0] == 503
    wait_until(lambda: machine.get("/bridged/live/predict/")[0] == 200)
    (server,) = next(
        one.servers for one in machine.administration.versions() if one.deployment == "bridged" and one.aliases
    )
    assert (server.state, server.details.split(", ")[1]) == ("running", "restarted 1 times")


@pytest.mark.wide("deployers")
def test_no_request_is_lost_while_an_alias_moves(machine):
    machine.serve("x", name="busy")
    machine.serve("y", name="busy")
    with machine.called("/busy/live/predict/", 3) as answers:
        for number in range(8):
            machine.administration.move("busy", "live", "1" if number % 2 == 0 else "2")
        machine.serve("z", name="busy", keep=1)
        machine.serve("z", name="busy", keep=1)
    assert {status for status, _ in answers} == {200}
    assert {text.partition("|")[0] for _, text in answers} == {"x", "y", "z"}
    assert State(machine.directory).numbers("busy") == [3, 4]  # the others ended under load


@pytest.mark.wide("deployers")
def test_a_server_that_somebody_stopped_is_started_again(machine, podman):
    machine.serve("again", name="again")
    (name,) = [one for one in names(podman) if "-again-" in one]
    assert podman.run("inspect", "--format", "{{.HostConfig.RestartPolicy.Name}}", name).strip() == "unless-stopped"
    podman.run("stop", name)
    status, text = machine.get("/again/live/predict/")
    assert (status, text) == (503, "/again/live/predict of version 1 does not answer: ClientConnectorError\n")
    machine.administration.move("again", "live", "1")
    assert machine.model(name="again") == "again"
    with pytest.raises(DeployError, match="serves as live"):
        machine.administration.stop("again", "1")
    assert machine.administration.stop("again", None) == ["1"]
    assert not [one for one in names(podman) if "-again-" in one]


@pytest.mark.wide("deployers")
def test_versions_in_the_network_of_the_host_have_their_own_ports(machine):
    """Listen where the version has its port, and notice another program that has it."""
    machine.serve("one", name="hosted", network="host")
    machine.serve("two", name="hosted", network="host")
    assert [machine.model(number, "hosted") for number in "12"] == ["one", "two"]
    wrong = "echo $VALOHAI_PORT; exec python3 serve.py 127.0.0.1 29997"
    others = []

    def take_port():
        version = State(machine.directory).version("hosted", 3)
        if version is not None and not others:
            port = version.endpoints["predict"].port
            others.append(subprocess.Popen([sys.executable, "-m", "http.server", "--bind", "127.0.0.1", str(port)]))

    try:
        with pytest.raises(DeployError, match=r"is not healthy after 5 s: another program listens on its port 2\d+"):
            machine.serve("three", wrong, name="hosted", network="host", pulse=take_port, timeout=5)
    finally:
        for other in others:
            other.kill()
            other.wait()


@pytest.mark.wide("deployers")
def test_a_deployer_that_is_killed_leaves_aliases_at_healthy_versions(machine, podman):
    machine.serve("0", name="digits")
    chance = random.Random(KILLS)  # noqa: S311 - moments, not secrets
    before, moved = machine.model(), 0
    for number in map(str, range(1, KILLS + 1)):
        place = (str(machine.directory), str(machine.port), machine.engine)
        arguments = [sys.executable, "-m", "tests.shim.deployers.in_containers", *place, number]
        with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as deployer:
            # The moments are spread over what a deployer does, which takes longer on a busy machine.
            stage = chance.choice(["version", "version", "is healthy", "points to version", "serving"])
            assert any(stage in line for line in deployer.stdout)
            time.sleep(chance.uniform(0, 1.5 if stage == "version" else 0.2))
            deployer.kill()
        now = machine.model()
        assert now in (before, number)
        moved += now != before
        before = now
    machine.serve("last", name="digits")
    assert machine.model() == "last"
    state = State(machine.directory)
    assert state.abandoned("digits") == []
    assert set(state.aliases("digits").values()) <= set(state.healthy("digits"))
    running = {one.split("-")[2] for one in names(podman) if one.startswith("translator-digits-")}
    assert running == {str(number) for number in state.numbers("digits")}
    print(f"{moved} of {KILLS} killed deployers had moved the alias")


def test_a_directory_belongs_to_one_deployer(machine, tmp_path):
    from tests.shim.deployers.deploying import Machine

    other = object.__new__(Machine)
    other.directory, other.port = machine.directory, machine.port
    with pytest.raises(DeployError, match=r"has deployments of the deployer 'docker': set 'directory' of .* 'local'"):
        other.administration.versions()
    assert read({}).front.directory.name == "deployments-docker"


@pytest.mark.parametrize(
    ("engine", "publish", "fine"),
    [
        ("unix:///run/docker.sock", "127.0.0.1", True),
        ("tcp://localhost:2375", "127.0.0.1", True),
        ("tcp://127.0.0.1:2375", "127.0.0.1", True),
        ("tcp://10.0.0.7:2376", "127.0.0.1", False),
        ("tcp://10.0.0.7:2376", "10.0.0.7", True),
        ("ssh://user@builder", "127.0.0.1", False),
        ("ssh://user@builder", "::1", False),
    ],
)
def test_an_engine_on_another_machine_needs_an_address_that_the_front_reaches(engine, publish, fine):
    assert (unreachable(engine, publish) is None) is fine
    found = lacks({"engine": engine, "publish": publish}, Deployment("digits", [Endpoint("predict", image="x")]))
    assert not found or "set 'publish' of the deployer 'docker' to an address of that machine" in found[0]
    assert (found == []) is fine


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"engine": "docker"},
            "engine: expected an address like unix:///run/docker.sock or tcp://HOST:2376, not 'docker'",
        ),
        ({"publish": "::"}, "'publish' must be an address of the Docker host, such as 127.0.0.1 or 10.0.0.7"),
        ({"publish": "builder"}, "'publish' must be an address of the Docker host, such as 127.0.0.1 or 10.0.0.7"),
        ({"network": "none"}, "network: servers in the network 'none' have no port that the front reaches"),
        ({"pull": "sometimes"}, "pull: expected one of missing, always, never, not 'sometimes'"),
        ({"keep": 0}, "'keep' must be an integer from 1 to 1000"),
        ({"paths": {}}, "the deployer 'docker' has no setting 'paths'"),
    ],
)
def test_wrong_settings_are_named(settings, problem):
    assert [found.partition("; it has")[0] for found in check(settings)] == [problem]
