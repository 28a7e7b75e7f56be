"""Test the deployer ``kubernetes``: its manifests, and rollouts on a real cluster, also those that fail."""

from __future__ import annotations

import http.server
import importlib.util
import json
import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from tests.shim.deployers.on_cluster import TIMEOUT, Deploying, on_cluster
from translator.shim import deployers
from translator.shim.contract import Connection
from translator.shim.deployers import DeployError
from translator.shim.deployers.kubernetes import manifests, versions
from translator.shim.deployers.kubernetes.objects import Objects
from translator.shim.deployers.kubernetes.settings import check, read
from translator.shim.runners import RunnerError

pytest.importorskip("kubernetes")

ROOT = Path(__file__).parents[3]
KILLS = int(os.environ.get("TRANSLATOR_KILLED_DEPLOYERS", "10"))
BOTH = ("predict", "explain")


@pytest.fixture
def deploying(cluster, tmp_path):
    # Each test begins at version 1.
    one = on_cluster(tmp_path, cluster.step_image, cluster.namespace, f"digits-{os.urandom(4).hex()}")
    one.prepare()
    yield one
    if one.versions():
        one.administration.stop(one.name, None)


def served(cluster, name, port=80, alias="live"):
    """Return what an endpoint answers at its alias, through the Service; None if none of its pods does."""
    from kubernetes.client import ApiException

    with cluster.api() as api:
        try:
            return api.connect_get_namespaced_service_proxy_with_path(
                f"{manifests.alias_name(name, alias)}:{port}", cluster.namespace, "in/model.txt"
            )
        except ApiException as error:
            assert error.status in (404, 503), error
            return None


def becomes(cluster, name, model, ports=(80,), **which):
    """Wait until the endpoints of an alias answer with a model: Services move a moment after their selectors."""
    deadline = time.monotonic() + 120
    while (found := [served(cluster, name, port, **which) for port in ports]) != [model] * len(ports):
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


@pytest.mark.wide("kubernetes")
def test_versions_roll_out_and_aliases_move(cluster, deploying):
    """Roll out versions, and some that fail: the alias stays at one that serves."""

    first = deploying.deploy(model="one", environment={"COLOUR": "$(PORT)"})
    assert (first.id, first.version) == (deploying.name, "1")
    becomes(cluster, deploying.name, "one")
    deploying.deploy(model="two")
    becomes(cluster, deploying.name, "two")
    administration = deploying.administration
    assert [(one.version, list(one.aliases), one.servers[0].state) for one in deploying.versions()] == [
        ("1", [], "running"),
        ("2", ["live"], "running"),
    ]
    failures = [
        ({"command": "echo no model; exit 3"}, r"(?s)ended while it started, with exit status 3.*no model"),
        ({"image": "localhost/tests/none:1"}, "the image localhost/tests/none:1 cannot be used"),
        (
            {
                "command": "python3 -c 'print(len(bytearray(300000000)))'",
                "resources": {"memory": {"min": 20, "max": 30}},
            },
            "ended while it started, (because its memory ran out|with exit status 137)",
        ),
    ]
    for options, message in failures:
        with pytest.raises(DeployError, match=message):
            deploying.deploy(**options)
        becomes(cluster, deploying.name, "two")
    deploying.settings["timeout"] = 3
    for options, message in [
        ({"node_selector": "disk=none"}, "no node can run the pod"),
        ({"command": "exec sleep 600"}, "not ready after 3 s: predict; its pods are not ready"),
    ]:
        with pytest.raises(DeployError, match=message):
            deploying.deploy(**options)
        becomes(cluster, deploying.name, "two")
    assert [one.version for one in deploying.versions()] == ["1", "2"]
    administration.move(deploying.name, "live", "1")
    becomes(cluster, deploying.name, "one")
    assert any("GET /in/model.txt" in line for line in administration.logs(deploying.name, "live", "predict"))
    with pytest.raises(DeployError, match="serves as live"):
        administration.stop(deploying.name, "1")
    assert administration.stop(deploying.name, "2") == ["2"]
    deploying.settings["timeout"] = 120
    assert deploying.deploy(model="three").version == "8"  # no number is used twice
    assert administration.stop(deploying.name, None) == ["1", "8"]
    assert deploying.versions() == []


@pytest.mark.wide("kubernetes")
def test_endpoints_of_a_version_move_together(cluster, deploying, tmp_path):
    deploying.settings |= {"replicas": 2, "manifests": str(tmp_path / "review")}
    deployed = deploying.deploy(model="one", endpoints=BOTH, aliases=("live", "staging"))
    place = f"http://{manifests.alias_name(deploying.name, 'live')}.{cluster.namespace}.svc"
    assert deployed.urls == {"predict": f"{place}/", "explain": f"{place}:81/"}
    becomes(cluster, deploying.name, "one", (80, 81))
    becomes(cluster, deploying.name, "one", (80, 81), alias="staging")
    lines = list(deploying.administration.logs(deploying.name, "1", "explain"))
    assert len({line.partition(": ")[0] for line in lines}) == 2  # one pod's lines are told from the other's
    # An endpoint keeps its port, whichever others a version has.
    deploying.deploy(model="two", endpoints=("explain", "third"))
    becomes(cluster, deploying.name, "two", (81, 82))
    assert served(cluster, deploying.name, 80) is None
    deploying.administration.move(deploying.name, "live", "1")
    becomes(cluster, deploying.name, "one", (80, 81))
    assert served(cluster, deploying.name, 82) is None
    # What was written for review is what the cluster has.
    (first, _) = sorted((tmp_path / "review").iterdir())
    from kubernetes.client import AppsV1Api

    with cluster.api() as api:
        apps = AppsV1Api(api.api_client)
        read_one = {"Deployment": apps.read_namespaced_deployment, "Service": api.read_namespaced_service}
        kinds = []
        for item in json.loads(first.read_text())["items"]:
            kinds.append(item["kind"])
            if item["kind"] in read_one:
                answer = read_one[item["kind"]](item["metadata"]["name"], cluster.namespace, _preload_content=False)
                check_contains(json.loads(answer.data), item)
    assert sorted(kinds) == ["ConfigMap", "Deployment", "Deployment", "Service", "Service", "Service"]


def check_contains(found, expected):
    """Check that a document has what another one has; the cluster adds defaults."""
    if isinstance(expected, dict):
        for key, value in expected.items():
            check_contains(found[key], value)
    elif isinstance(expected, list):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            check_contains(one, other)
    else:
        assert found == expected


@pytest.mark.wide("kubernetes")
def test_deployers_at_the_same_time(cluster, deploying):
    """Deploy twice at once, with an alias that nobody has made yet: it ends at the newer version."""
    with ThreadPoolExecutor() as lanes:
        made = list(lanes.map(lambda model: (deploying.deploy(model=model, endpoints=BOTH).version, model), "ab"))
    assert sorted(number for number, _ in made) == ["1", "2"]
    becomes(cluster, deploying.name, dict(made)["2"], (80, 81))
    assert [(one.version, list(one.aliases)) for one in deploying.versions()] == [
        ("1", []),
        ("2", ["live"]),
    ]


@pytest.mark.wide("kubernetes")
def test_a_cancelled_rollout_leaves_nothing(cluster, deploying):
    deploying.deploy(model="one")

    class CancelledError(Exception):
        pass

    def cancel():
        if any(one["kind"] == "Deployment" for one in deployed_objects(cluster, deploying.name, 2)):
            raise CancelledError

    with pytest.raises(CancelledError):
        replace(deploying, pulse=cancel).deploy("exec sleep 600", model="two", endpoints=BOTH)
    assert deployed_objects(cluster, deploying.name, 2) == []
    becomes(cluster, deploying.name, "one")


@pytest.mark.wide("kubernetes")
def test_a_version_that_is_stopped_while_its_alias_moves(cluster, deploying, monkeypatch):
    deploying.deploy(model="one")
    apply, stopped = Objects.apply, []

    def stop_first(objects, manifest, **options):
        if manifest["metadata"]["name"] == manifests.alias_name(deploying.name, "live") and not stopped:
            stopped.append(True)
            deploying.administration.stop(deploying.name, "2")
        return apply(objects, manifest, **options)

    monkeypatch.setattr(Objects, "apply", stop_first)
    with pytest.raises(DeployError, match=r"version 2 of .* was stopped"):
        deploying.deploy(model="two")
    assert stopped
    becomes(cluster, deploying.name, "one")
    assert [(one.version, list(one.aliases)) for one in deploying.versions()] == [("1", ["live"])]


def deployed_objects(cluster, name, number):
    """Return the objects of a version."""
    from kubernetes.client import AppsV1Api

    selector = {"label_selector": manifests.of_version(name, number), "_preload_content": False}
    with cluster.api() as api:
        apps = AppsV1Api(api.api_client)
        listed = [api.list_namespaced_config_map, api.list_namespaced_service, apps.list_namespaced_deployment]
        found = [json.loads(one(cluster.namespace, **selector).data) for one in listed]
        return [{**one, "kind": of["kind"].removesuffix("List")} for of in found for one in of["items"]]


@pytest.mark.wide("kubernetes")
def test_a_deployer_that_is_killed_leaves_aliases_at_healthy_versions(cluster, deploying, tmp_path, monkeypatch):
    deploying.deploy(model="0", endpoints=BOTH)
    becomes(cluster, deploying.name, "0", (80, 81))
    chance = random.Random(KILLS)  # noqa: S311 - moments, not secrets
    before, moved = "0", 0
    for number in map(str, range(1, KILLS + 1)):
        place = (str(tmp_path), cluster.step_image, cluster.namespace, deploying.name)
        arguments = [sys.executable, "-m", "tests.shim.deployers.on_cluster", *place, number]
        with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as deployer:
            # The moments are spread over what a deployer does, which takes longer on a busy machine.
            stage = chance.choice(["version", "predict is ready", "explain is ready", "points to version"])
            assert any(stage in line for line in deployer.stdout)
            time.sleep(chance.uniform(0, 0.15))
            deployer.kill()
        (now,) = [one for one in deploying.versions() if one.aliases]
        assert [server.state for server in now.servers] == ["running", "running"]
        with cluster.api() as api:
            name = manifests.version_name(deploying.name, int(now.version))
            assert versions.HEALTHY in api.read_namespaced_config_map(name, cluster.namespace).data
        answers = [served(cluster, deploying.name, port) for port in (80, 81)]
        assert set(answers) <= {before, number}
        model = number if number in answers else before
        becomes(cluster, deploying.name, model, (80, 81))
        moved += model != before
        before = model
    monkeypatch.setattr(versions, "_ABANDONED", -TIMEOUT)
    deploying.deploy(model="last", endpoints=BOTH)
    becomes(cluster, deploying.name, "last", (80, 81))
    left = {one.version: [server.state for server in one.servers] for one in deploying.versions()}
    assert len(left) <= 4  # the one with the alias, the newest, and those that are kept
    assert set(map(tuple, left.values())) == {("running", "running")}
    print(f"{moved} of {KILLS} killed deployers had moved the alias")


def workload(tmp_path, settings=None, **endpoint):
    request = Deploying(tmp_path).request(**endpoint)
    (one,) = request.deployment.endpoints
    return manifests.workload(request, read(settings or {}), 3, one, ["files-0"])


def test_what_the_schema_has_is_in_the_manifest(tmp_path):
    spec = workload(
        tmp_path,
        {"secrets": {"TOKEN": "credentials/token"}, "service_account": "servers", "health": "/health"},
        environment={"TOKEN": "never in a manifest", "TEXT": "$(HOME)"},
        resources={"cpu": {"min": 0.1, "max": 2}, "memory": {"min": 100, "max": 200}, "devices": {"nvidia.com/gpu": 1}},
        node_selector="disk = ssd",
        tolerations=[{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}],
        workspace_volume={"mount-path": "/scratch", "size": 2, "storage-class-name": "fast"},
        shared_volumes=[{"pvc-name": "models", "mount-path": "/models", "sub-path": "v1", "read-only": True}],
    )["spec"]["template"]["spec"]
    (server,) = spec["containers"]
    assert server["resources"] == {
        "requests": {"cpu": "0.1", "memory": "100Mi"},
        "limits": {"cpu": "2", "memory": "200Mi", "nvidia.com/gpu": "1"},
    }
    assert spec["nodeSelector"] == {"disk": "ssd"}
    assert spec["tolerations"] == [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]
    assert spec["serviceAccountName"] == "servers"
    variables = {one["name"]: one for one in server["env"]}
    assert variables["TEXT"]["value"] == "$$(HOME)"
    assert variables["TOKEN"]["valueFrom"] == {"secretKeyRef": {"name": "credentials", "key": "token"}}
    assert "never in a manifest" not in json.dumps(spec)
    assert server["readinessProbe"]["httpGet"]["path"] == "/digits/3/predict/health"
    assert [one["mountPath"] for one in server["volumeMounts"]] == ["/srv/repository", "/models", "/scratch"]
    assert spec["volumes"][2]["persistentVolumeClaim"] == {"claimName": "models", "readOnly": True}
    claim = spec["volumes"][3]["ephemeral"]["volumeClaimTemplate"]["spec"]
    assert claim["resources"] == {"requests": {"storage": "2Gi"}}
    assert claim["storageClassName"] == "fast"


def test_versions_are_looked_up_with_the_credentials_of_the_connection():
    server = {"server": "http://127.0.0.1:9"}
    kube_config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": server}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    known = {"training": Connection(extra={"kube_config": kube_config})}
    administration = deployers.load("kubernetes").administration
    with pytest.raises(RunnerError, match=r"list a ConfigMap of the Kubernetes cluster http://127.0.0.1:9: "):
        administration({"connection": "training"}, known.get).versions()
    with pytest.raises(DeployError, match="the connection 'other' of the deployer 'kubernetes' does not exist"):
        administration({"connection": "other"}, known.get)


def test_an_application_is_ready_once_it_answers(tmp_path):
    """Gunicorn listens before it has imported the application, so an open port says nothing."""

    def probe(settings, **endpoint):
        (server,) = workload(tmp_path, settings, **endpoint)["spec"]["template"]["spec"]["containers"]
        return server.get("startupProbe")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append((self.path, self.headers["X-VH-Prefix"]))
            self.send_response(statuses.pop())
            self.end_headers()

        def log_message(self, *_):
            pass

    asked, statuses = [], [500, 404]
    assert probe({}) is None
    assert probe({"health": "/h"}, wsgi="app", server_command=()) is None
    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        found = probe({"timeout": 7.5}, wsgi="app", server_command=(), port=server.server_port)
        assert found["failureThreshold"] == 8
        for expected in (0, 1):
            answering = threading.Thread(target=server.handle_request)
            answering.start()
            command = [sys.executable, *found["exec"]["command"][1:]]
            assert subprocess.run(command, check=False).returncode == expected
            answering.join()
    assert set(asked) == {("/digits/3/predict/", "/digits/3/predict")}


def test_names_fit_into_dns_and_differ(tmp_path):
    names = ["Digits", "digits", "DIGITS_", "9", "_" * 60, "a" * 60, "a" * 59 + "b"]
    made = [manifests.version_name(one, 10**9, "predict") for one in names]
    made += [manifests.alias_name(one, one) for one in names]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", one) for one in made), made


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"directory": "/d"}, "the deployer 'kubernetes' has no setting 'directory'"),
        ({"replicas": 0}, "'replicas' must be an integer from 1 to 1000"),
        ({"keep": 0}, "'keep' must be an integer from 1 to 1000"),
        ({"secrets": {"X": "no"}}, "secrets: expected SECRET/KEY for X, not 'no'"),
        ({"manifests": "here"}, "'manifests' must be an absolute path"),
    ],
)
def test_wrong_settings_are_named(settings, problem):
    assert [one.partition(";")[0] for one in check(settings)] == [problem]


class Stored:
    """The Services and ConfigMaps of a namespace in memory; ``refuse(manifest, dry_run)`` may raise."""

    def __init__(self, refuse=lambda manifest, dry_run: None):
        self.found, self.refuse, self.changes = {}, refuse, []

    def get(self, kind, name):
        return self.found.get((kind, name))

    def create(self, manifest, *, dry_run=False):
        return self.apply(manifest, dry_run=dry_run)

    def apply(self, manifest, *, dry_run=False):
        self.refuse(manifest, dry_run)
        name = manifest["metadata"]["name"]
        if not dry_run:
            metadata = {**manifest["metadata"], "resourceVersion": str(len(self.changes))}
            self.found[manifest["kind"], name] = {**manifest, "metadata": metadata}
            self.changes.append(name)
        return manifest

    def delete(self, kind, name):
        self.found.pop((kind, name), None)

    def aliases(self, *names):
        """Return the version that each alias points to; None if it does not exist."""
        found = (self.found.get(("Service", manifests.alias_name("digits", one))) for one in names)
        return [one and one["spec"]["selector"][manifests.VERSION] for one in found]


@pytest.mark.parametrize("when", ["checked", "moved", "stopped"])
def test_aliases_of_a_node_move_together_or_not_at_all(tmp_path, when):
    def refuse(manifest, dry_run):
        if manifest["metadata"]["name"] == manifests.alias_name("digits", "third") and armed:
            if when == "stopped" and not dry_run:
                stored.delete("ConfigMap", manifests.version_name("digits", 2))
            elif dry_run == (when == "checked"):
                raise DeployError("the cluster does not accept the Service: full")

    stored, armed = Stored(refuse), []
    of = versions.Versions(read({}), stored)
    for number in (1, 2):
        record = manifests.record(Deploying(tmp_path).request(), number, {"predict": 80})
        record["data"][versions.HEALTHY] = "now"
        stored.apply(record)
    names = ("live", "new", "third")
    assert of.move("digits", ["live", "third"], 1, {"predict": 80}, lambda _: None) == ["live", "third"]
    before = len(stored.changes)
    armed.append(True)
    said = []
    with pytest.raises(DeployError, match=r"full|version 2 of digits was stopped"):
        of.move("digits", names, 2, {"predict": 80}, said.append)
    assert stored.aliases(*names) == ["1", None, "1"]
    assert said == []
    assert (len(stored.changes) == before) is (when == "checked")
    armed.clear()
    if when != "stopped":
        assert of.move("digits", names, 2, {"predict": 80}, said.append) == list(names)
        assert stored.aliases(*names) == ["2", "2", "2"]


@pytest.mark.wide("kubernetes")
def test_wsgi_applications_serve_in_pods(cluster, deploying):
    (deploying.project / "app.py").write_text(
        "import os\n\ndef application(environ, start):\n    start('200 OK', [])\n"
        "    return [open('in/model.txt', 'rb').read(), os.environ['VH_DEFAULT_PREFIX'].encode()]\n"
    )
    for package in ("gunicorn", "packaging"):  # of the image, which here has them from the project
        shutil.copytree(Path(importlib.util.find_spec(package).origin).parent, deploying.project / package)
    deploying.deploy(model="one", wsgi="app:application", server_command=())
    becomes(cluster, deploying.name, f"one/{deploying.name}/1/predict")
    with pytest.raises(DeployError, match=r"(?s)ended while it started, with exit status 3.*no_such_app"):
        deploying.deploy(model="two", wsgi="no_such_app", server_command=())
    becomes(cluster, deploying.name, f"one/{deploying.name}/1/predict")
