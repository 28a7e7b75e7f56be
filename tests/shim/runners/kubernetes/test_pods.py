"""Test that a real pod has what translator.toml and valohai.yaml say; what only newer clusters have by its manifest."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from translator import ir
from translator.load import load
from translator.shim import contract
from translator.shim.contract import ExecutionId, Resources, Step, StoreAddress
from translator.shim.runners import UnfitError
from translator.shim.runners.kubernetes import pod
from translator.shim.runners.kubernetes.settings import read
from translator.targets.render import literal
from translator.targets.steps import step_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cluster import Cluster
    from tests.shim.conftest import Worker
    from tests.shim.runners.kubernetes.conftest import InPod

PIPELINE = """
- step:
    name: work
    image: none
    environment: large
    command:
      - echo $WHO $TOKEN $FROM_TEMPLATE
      - id -u; touch made && echo x > /valohai/outputs/x
- pipeline: {name: P, nodes: [{name: one, type: execution, step: work}], edges: []}
"""
SETTINGS = """
[environments.large]
runner = "kubernetes"
image = "IMAGE"
variables.WHO = "the platform team"
resources = { cpu = 0.5, memory = 128 }

[environments.large.runners.kubernetes]
helper-image = "HELPER"
namespace = "default"
pull = "never"
user = "1000:1000"
template = "pod.yaml"
secrets = { TOKEN = "translator-tests/token" }
node-selector = { "kubernetes.io/os" = "linux" }
tolerations = [{ key = "gpu", operator = "Exists" }]
labels = { team = "ml" }
requests = { cpu = 0.1, memory = 64 }
"""
TEMPLATE = """
apiVersion: v1
kind: Pod
metadata: {labels: {cost-centre: "42"}}
spec:
  containers:
    - name: step
      env: [{name: FROM_TEMPLATE, value: template}]
"""


@pytest.fixture
def secret(cluster: Cluster) -> Any:
    body = {"metadata": {"name": "translator-tests"}, "data": {"token": base64.b64encode(b"hunter2").decode()}}
    with cluster.api() as api:
        api.create_namespaced_secret("default", body, _preload_content=False)
    yield
    with cluster.api() as api:
        api.delete_namespaced_secret("translator-tests", "default", _preload_content=False)


def test_a_pod_has_what_translator_toml_says(worker: Worker, cluster: Cluster, secret: None, tmp_path: Path) -> None:
    (tmp_path / "valohai.yaml").write_text(PIPELINE)
    worker.script("pod.yaml", TEMPLATE)
    settings = SETTINGS.replace("HELPER", cluster.pod_image).replace("IMAGE", cluster.step_image)
    (tmp_path / "translator.toml").write_text(settings)
    loaded = load(tmp_path / "valohai.yaml")
    assert loaded.diagnostics.ok, "\n".join(map(str, loaded.diagnostics))
    (node,) = loaded.choose().nodes
    assert isinstance(node, ir.ExecutionNode)
    step: Step = eval(literal(step_of(node, "valohai")), dict(vars(contract)))  # noqa: S307 - as the generated file has it
    seen: list[dict[str, Any]] = []
    worker.on_line = lambda _: seen.extend(cluster.pods())
    assert worker.run(step).state == "complete", worker.log
    assert worker.output == ["the platform team hunter2 template", "1000"]
    labels, spec = seen[0]["metadata"]["labels"], seen[0]["spec"]
    assert (labels["team"], labels["cost-centre"], labels["pipeline-translator/node"]) == ("ml", "42", "train")
    container = spec["containers"][0]
    assert container["resources"] == {
        "limits": {"cpu": "500m", "memory": "128Mi"},
        "requests": {"cpu": "100m", "memory": "64Mi"},
    }
    assert spec["nodeSelector"] == {"kubernetes.io/os": "linux"}
    assert {"key": "gpu", "operator": "Exists"} in spec["tolerations"]
    # What the command gets is in no manifest: neither its variables nor its secrets.
    assert "the platform team" not in str(seen[0])


def test_an_image_needs_only_a_shell(worker: Worker, in_pod: InPod, cluster: Cluster) -> None:
    worker.script("a.txt", "a\n")
    worker.should_stop = lambda: "enough" if "ready" in worker.log else None
    manifest = worker.run(
        in_pod(
            'read -r line < a.txt; echo "$line"; echo x > /valohai/outputs/x; echo ready; while :; do :; done',
            image=cluster.sh_image,
        )
    )
    assert (manifest.state, manifest.reason) == ("stopped", "enough"), worker.log
    assert worker.output == ["a", "ready"]
    assert [file.path for file in manifest.outputs] == ["x"]


def test_a_command_may_open_its_own_output_again(worker: Worker, in_pod: InPod) -> None:
    step = in_pod("echo a; echo b > /dev/stdout; echo c > /dev/stderr; echo d", settings={"user": "1000"})
    assert worker.run(step).state == "complete", worker.log
    assert sorted(worker.output) == ["a", "b", "c", "d"]


def rendered(settings: dict[str, Any], tmp_path: Path, *, native: bool = True, **fields: Any) -> dict[str, Any]:
    request = SimpleNamespace(
        step=Step("work", ["true"], image="python:3.12", **fields),
        id=ExecutionId("Training Pipeline", "run 1", "train / é", 3, 2),
        project=tmp_path,
        address=StoreAddress("s3://bucket/store"),
        ticket=SimpleNamespace(mark="0123456789abcdef"),
    )
    read_settings = read({"helper_image": "pod:1", **settings})
    return pod.manifest(cast("Any", request), read_settings, "/valohai", native_sidecars=native)


FULL: dict[str, Any] = {
    "namespace": "ml",
    "service_account": "runner",
    "node_selector": {"gpu": "a100"},
    "tolerations": ({"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},),
    "image_pull_secrets": ("registry",),
    "requests": {"cpu": 1, "memory": 1024},
    "shm_size": 256,
    "user": "1000:100",
    "secrets": {"TOKEN": "hub/token"},
    "store_secrets": ("s3",),
    "labels": {"team": "ml"},
    "annotations": {"example.com/owner": "Ada L."},
}


@pytest.mark.parametrize("native", [True, False])
def test_manifests_are_those_of_the_official_client(native: bool, tmp_path: Path) -> None:
    """It knows all fields of the newest version, so that whatever it drops is a mistake."""
    client = pytest.importorskip("kubernetes.client")
    import json

    manifest = rendered(FULL, tmp_path, native=native, resources=Resources(2, 4096, {"nvidia.com/gpu": 1}))
    api = client.ApiClient()
    read_back = api.deserialize(SimpleNamespace(data=json.dumps(manifest)), "V1Pod") if _takes_response(api) else None
    if read_back is None:
        read_back = api.deserialize(json.dumps(manifest), "V1Pod", "application/json")
    assert api.sanitize_for_serialization(read_back) == manifest


def _takes_response(api: Any) -> bool:
    """Return whether the client is older than 36, whose ``deserialize`` takes what a server has answered."""
    import inspect

    return next(iter(inspect.signature(api.deserialize).parameters)) == "response"


def test_sidecars_are_native_where_the_cluster_has_them(tmp_path: Path) -> None:
    new, old = rendered({}, tmp_path)["spec"], rendered({}, tmp_path, native=False)["spec"]
    assert [one["name"] for one in new["initContainers"]] == ["stage", "publish"]
    assert (new["initContainers"][1]["restartPolicy"], len(new["containers"])) == ("Always", 1)
    assert [one["name"] for one in old["containers"]] == ["step", "publish"]


def test_names_are_what_kubernetes_accepts(tmp_path: Path) -> None:
    metadata = rendered({}, tmp_path)["metadata"]
    assert metadata["name"] == "translator-train-3-2-01234567"
    assert metadata["labels"]["pipeline-translator/run"] == "run-1"
    assert metadata["annotations"]["pipeline-translator/node"] == "train / é"


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("kind: Job\n", "one document of kind Pod"),
        ("kind: Pod\nspec: {hostPID: true}\n", "must not set hostPID"),
        ("kind: Pod\nspec: {containers: [{name: publish}]}\n", "a name that the runner uses"),
        ("kind: Pod\nspec: {volumes: x}\n", "volumes of the pod template"),
        ("kind: [Pod\n", "cannot be read"),
    ],
)
def test_templates_that_cannot_be_used(template: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(template)
    with pytest.raises(UnfitError, match=problem):
        rendered({"template": "pod.yaml"}, tmp_path)
