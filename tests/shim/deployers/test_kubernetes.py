"""Test the deployer ``kubernetes``: its manifests, and rollouts on a real cluster, also those that fail."""

from __future__ import annotations

import json
import re

import pytest

from translator.shim import deployers
from translator.shim.contract import Deployment, Endpoint, ExecutionId
from translator.shim.deployers import DeployError, Request
from translator.shim.deployers.kubernetes import manifests
from translator.shim.deployers.kubernetes.settings import check, read

pytest.importorskip("kubernetes")

SERVES = "exec python3 -m http.server 8000"


class Deploying:
    """A project that is deployed to a namespace."""

    def __init__(self, folder, image="image", **settings):
        self.folder, self.image, self.settings, self.said = folder, image, settings, []
        self.project = folder / "project"
        self.project.mkdir()
        (self.project / "code.txt").write_text("code")

    def request(self, command=SERVES, model="", *, name="digits", aliases=("live",), environment=None, **endpoint):
        staged = self.folder / "staged.txt"
        staged.write_text(model)
        options = {"image": self.image, "server_command": [command], "files": {"model": "in/model.txt"}, **endpoint}
        return Request(
            deployment=Deployment(name, [Endpoint("predict", **options)], aliases),
            id=ExecutionId("a pipeline", "run/1", "deploy"),
            project=self.project,
            without=None,
            files={"predict": {"in/model.txt": staged}},
            settings=self.settings,
            environment=environment or {},
            inherited={},
            note=self.said.append,
            pulse=lambda: None,
            connection=lambda _: None,
        )

    def deploy(self, *arguments, **more):
        return deployers.load("kubernetes").deploy(self.request(*arguments, **more))

    @property
    def administration(self):
        return deployers.load("kubernetes").administration(self.settings)


@pytest.fixture
def deploying(cluster, tmp_path):
    one = Deploying(tmp_path, cluster.step_image, pull="never", timeout=120, namespace=cluster.namespace)
    yield one
    one.administration.stop_all()


@pytest.mark.wide("kubernetes")
def test_versions_roll_out_and_aliases_move(cluster, deploying):
    """Roll out versions, and some that fail: the alias stays at one that serves."""

    def served():
        with cluster.api() as api:
            (service,) = api.list_namespaced_service(
                cluster.namespace, label_selector=f"{manifests.ALIAS}={manifests.digest('live')}"
            ).items
            pods = api.list_namespaced_pod(
                cluster.namespace, label_selector=",".join(f"{k}={v}" for k, v in service.spec.selector.items())
            ).items
            ask = api.connect_get_namespaced_pod_proxy_with_path
            return {ask(f"{pod.metadata.name}:8000", cluster.namespace, "in/model.txt") for pod in pods}

    first = deploying.deploy(model="one", environment={"COLOUR": "$(PORT)"})
    assert (first.id, first.version) == ("digits", "1")
    assert served() == {"one"}
    deploying.deploy(model="two")
    assert served() == {"two"}
    administration = deploying.administration
    assert [(one.version, list(one.aliases), one.servers[0].state) for one in administration.versions()] == [
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
        assert served() == {"two"}
    deploying.settings["timeout"] = 3
    for options, message in [
        ({"node_selector": "disk=none"}, "no node can run the pod"),
        ({"command": "exec sleep 600"}, "not ready after 3 s: predict; its pods are not ready"),
    ]:
        with pytest.raises(DeployError, match=message):
            deploying.deploy(**options)
        assert served() == {"two"}
    assert [one.version for one in administration.versions()] == ["1", "2"]
    administration.move("digits", "live", "1")
    assert served() == {"one"}
    assert any("GET /in/model.txt" in line for line in administration.logs("digits", "live", "predict"))
    with pytest.raises(DeployError, match="serves as live"):
        administration.stop("digits", "1")
    assert administration.stop("digits", "2") == ["2"]
    deploying.settings["timeout"] = 120
    assert deploying.deploy(model="three").version == "8"  # no number is used twice
    assert administration.stop("digits", None) == ["1", "8"]
    assert administration.versions() == []


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


def test_names_fit_into_dns_and_differ(tmp_path):
    names = ["Digits", "digits", "DIGITS_", "9", "_" * 60, "a" * 60, "a" * 59 + "b"]
    made = [manifests.version_name(one, 10**9, "predict") for one in names]
    made += [manifests.alias_name(one, one, "predict") for one in names]
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
