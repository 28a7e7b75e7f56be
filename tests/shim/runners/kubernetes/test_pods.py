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
namespace = "NAMESPACE"
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
        api.create_namespaced_secret(cluster.namespace, body, _preload_content=False)
    yield
    with cluster.api() as api:
        api.delete_namespaced_secret("translator-tests", cluster.namespace, _preload_content=False)


def test_a_pod_has_what_translator_toml_says(worker: Worker, cluster: Cluster, secret: None, tmp_path: Path) -> None:
    (tmp_path / "valohai.yaml").write_text(PIPELINE)
    worker.script("pod.yaml", TEMPLATE)
    settings = SETTINGS.replace("HELPER", cluster.pod_image).replace("IMAGE", cluster.step_image)
    settings = settings.replace("NAMESPACE", cluster.namespace)
    (tmp_path / "translator.toml").write_text(settings)
    loaded = load(tmp_path / "valohai.yaml")
    assert loaded.diagnostics.ok, "\n".join(map(str, loaded.diagnostics))
    (node,) = loaded.choose().nodes
    assert isinstance(node, ir.ExecutionNode)
    step: Step = eval(literal(step_of(node, "valohai")), dict(vars(contract)))  # noqa: S307 - as the generated file has it
    seen: list[dict[str, Any]] = []
    worker.on_line = lambda _: seen.extend(cluster.pods())
    assert worker.run(step).state == "complete", worker.told
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
    assert (manifest.state, manifest.reason) == ("stopped", "enough"), worker.told
    assert worker.output == ["a", "ready"]
    assert [file.path for file in manifest.outputs] == ["x"]


def test_a_command_may_open_its_own_output_again(worker: Worker, in_pod: InPod) -> None:
    step = in_pod("echo a; echo b > /dev/stdout; echo c > /dev/stderr; echo d", settings={"user": "1000"})
    assert worker.run(step).state == "complete", worker.told
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
        ("kind: Pod\nspec: {containers: [{name: publish}], initContainers: [{name: publish}]}\n", "two containers"),
        ("kind: Pod\nspec: {containers: [{image: a}]}\n", r"spec.containers\[0\] must have a name"),
        ("kind: Pod\nspec: {containers: [{name: step, resources: x}]}\n", "resources of the container 'step'"),
        ("kind: Pod\nspec: {containers: [{name: step, resources: {requests: {cpu: x}}}]}\n", "a quantity is expected"),
        ("kind: Pod\nspec: {volumes: x}\n", "spec.volumes must be a list of objects"),
        ("kind: Pod\nspec: x\n", "spec must be an object"),
        ("kind: Pod\nmetadata: x\n", "metadata must be an object"),
        ("kind: Pod\nmetadata: {labels: [a]}\n", "metadata.labels must be an object"),
        ("kind: Pod\nmetadata: {labels: {a: 1}}\n", "metadata.labels must be an object of strings"),
        ("kind: Pod\nspec: {nodeSelector: [a]}\n", "spec.nodeSelector must be an object"),
        ("kind: [Pod\n", "cannot be read"),
    ],
)
def test_templates_that_cannot_be_used(template: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(template)
    with pytest.raises(UnfitError, match=problem):
        rendered({"template": "pod.yaml"}, tmp_path, resources=Resources(cpu=1))


RESTRICTED = """
kind: Pod
spec:
  securityContext: {runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: step
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
"""


def containers_of(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {one["name"]: one for one in (*manifest["spec"]["initContainers"], *manifest["spec"]["containers"])}


@pytest.mark.parametrize("native", [True, False])
def test_a_template_makes_pods_restricted(native: bool, tmp_path: Path) -> None:
    """Each container has what the Pod Security Standard *restricted* demands of it."""
    (tmp_path / "pod.yaml").write_text(RESTRICTED)
    manifest = rendered({"template": "pod.yaml"}, tmp_path, native=native)
    assert manifest["spec"]["securityContext"]["runAsNonRoot"] is True
    for container in containers_of(manifest).values():
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert context.get("runAsUser", 1000) == 1000


def test_helpers_have_few_capabilities(tmp_path: Path) -> None:
    for name in ("stage", "publish"):
        context = containers_of(rendered({}, tmp_path))[name]["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"], "add": ["DAC_OVERRIDE", "FOWNER"]}
        assert (context["runAsUser"], context["seccompProfile"]) == (0, {"type": "RuntimeDefault"})


def test_helpers_are_the_user_of_the_command_if_the_template_forbids_root(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(RESTRICTED)
    found = containers_of(rendered({"template": "pod.yaml", "user": "1234:5"}, tmp_path))
    users = {
        name: (one["securityContext"]["runAsUser"], one["securityContext"]["runAsGroup"]) for name, one in found.items()
    }
    assert users == dict.fromkeys(("stage", "publish", "step"), (1234, 5))


def test_a_template_is_the_base_of_helpers(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(
        "kind: Pod\nspec:\n"
        "  initContainers:\n"
        "    - {name: stage, env: [{name: A, value: b}], securityContext: {readOnlyRootFilesystem: true}}\n"
        "  containers: [{name: publish, image: other, args: [x], resources: {limits: {memory: 2Gi}}}]\n"
    )
    found = containers_of(rendered({"template": "pod.yaml"}, tmp_path))
    stage, publish = found["stage"], found["publish"]
    assert list(found) == ["stage", "publish", "step"]
    assert stage["env"] == [{"name": "A", "value": "b"}, {"name": "TRANSLATOR_HOME", "value": "/valohai"}]
    assert stage["securityContext"]["readOnlyRootFilesystem"] is True
    assert stage["securityContext"]["allowPrivilegeEscalation"] is False
    assert (publish["image"], "args" in publish) == ("pod:1", False)
    assert publish["resources"]["limits"] == {"cpu": "1000m", "memory": "2Gi"}


def test_helpers_have_limits(tmp_path: Path) -> None:
    default = containers_of(rendered({}, tmp_path))["publish"]["resources"]
    assert default == {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"cpu": "1000m", "memory": "1024Mi"}}
    own = {"helper_resources": {"requests": {"memory": 2048}, "limits": {"cpu": 2}}}
    assert containers_of(rendered(own, tmp_path))["stage"]["resources"] == {
        "requests": {"cpu": "10m", "memory": "2048Mi"},
        "limits": {"cpu": "2000m", "memory": "2048Mi"},
    }
    small = {"helper_resources": {"limits": {"memory": 32}}}
    assert containers_of(rendered(small, tmp_path))["stage"]["resources"]["requests"]["memory"] == "32Mi"


def test_commands_get_no_token_and_no_addresses_of_services(tmp_path: Path) -> None:
    spec = rendered({"service_account": "runner"}, tmp_path)["spec"]
    assert (spec["automountServiceAccountToken"], spec["enableServiceLinks"]) == (False, False)
    (tmp_path / "pod.yaml").write_text("kind: Pod\nspec: {automountServiceAccountToken: true}\n")
    assert rendered({"template": "pod.yaml"}, tmp_path)["spec"]["automountServiceAccountToken"] is True


def test_a_template_may_mount_shared_memory_itself(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(
        "kind: Pod\nspec:\n  volumes: [{name: shm, emptyDir: {medium: Memory}}]\n"
        "  containers: [{name: step, volumeMounts: [{name: shm, mountPath: /dev/shm}]}]\n"
    )
    manifest = rendered({"template": "pod.yaml"}, tmp_path)
    paths = [mount["mountPath"] for mount in containers_of(manifest)["step"]["volumeMounts"]]
    assert paths.count("/dev/shm") == 1
    assert "translator-shm" not in {volume["name"] for volume in manifest["spec"]["volumes"]}


def test_requests_of_a_template_are_within_the_limits_of_the_step(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(
        "kind: Pod\nspec:\n  containers:\n"
        "    - {name: step, resources: {requests: {cpu: 2, memory: 0.5Gi}, claims: [{name: gpu}]}}\n"
    )
    resources = containers_of(rendered({"template": "pod.yaml"}, tmp_path, resources=Resources(1, 4096)))["step"][
        "resources"
    ]
    assert resources == {
        "limits": {"cpu": "1000m", "memory": "4096Mi"},
        "requests": {"memory": "0.5Gi"},
        "claims": [{"name": "gpu"}],
    }


def test_a_pod_whose_containers_are_not_root(worker: Worker, in_pod: InPod, cluster: Cluster) -> None:
    worker.script("pod.yaml", RESTRICTED)
    worker.script("a.txt", "a\n")
    seen: list[dict[str, Any]] = []
    worker.on_line = lambda _: seen.extend(cluster.pods())
    command = "umask 077; id -u; cat a.txt; mkdir /valohai/outputs/d; echo x > /valohai/outputs/d/x"
    manifest = worker.run(in_pod(command, settings={"template": "pod.yaml"}))
    assert manifest.state == "complete", worker.told
    assert worker.output == ["1000", "a"]
    assert [(file.path, file.size) for file in manifest.outputs] == [("d/x", 2)]
    assert {
        name: one["securityContext"]["allowPrivilegeEscalation"] for name, one in containers_of(seen[0]).items()
    } == (dict.fromkeys(("stage", "step", "publish"), False))


def test_outputs_that_only_another_user_may_read(worker: Worker, in_pod: InPod) -> None:
    step = in_pod("umask 077; mkdir /valohai/outputs/d; echo x > /valohai/outputs/d/x", settings={"user": "1000"})
    manifest = worker.run(step)
    assert [file.path for file in manifest.outputs] == ["d/x"], worker.told


def test_a_variable_that_a_shell_cannot_set(worker: Worker, in_pod: InPod) -> None:
    manifest = worker.run(in_pod("echo ran", environment={"my.variable": "1"}))
    assert manifest.state == "complete", worker.told
    assert "my.variable" in worker.notes


def test_an_image_without_sleep_has_the_grace_of_term(worker: Worker, in_pod: InPod, cluster: Cluster) -> None:
    """What a command leaves running gets TERM, and has time to write its last file."""
    late = "n=0; while [ $n -lt 20000 ]; do n=$((n + 1)); done; echo x > /valohai/outputs/late; exit"
    command = f"(trap '{late}' TERM; echo ready > /valohai/outputs/ready; while :; do :; done) & "
    wait = "while ! [ -e /valohai/outputs/ready ]; do :; done"
    manifest = worker.run(in_pod(command + wait, image=cluster.sh_image))
    assert sorted(file.path for file in manifest.outputs) == ["late", "ready"], worker.told
