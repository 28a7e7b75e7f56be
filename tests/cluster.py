"""Provide a Kubernetes cluster for tests: the one that KUBECONFIG names, else one node that is started for them.

Images are made of this machine's own files (``tests.podman``). The image of our own containers is built from
``images/pod/Dockerfile``, on a base of the same kind. A cluster that the tests did not start must be told them:
``TRANSLATOR_TESTS_POD_IMAGE`` is an image built from that file, ``TRANSLATOR_TESTS_STEP_IMAGE`` one with ``python3``.

``python -m tests.cluster COMMAND`` starts a cluster for a command, which workers share, each in its own namespace.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import pytest
import yaml

from tests import podman
from tests.installed import refuse, require
from translator.shim.contract import Runner, runner

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT.parent / "shared" / "kubernetes" / "cluster"
if not SCRIPT.exists():  # a worktree beside others
    SCRIPT = ROOT.parent.parent / "shared" / "kubernetes" / "cluster"
LOST_AFTER = 90
"""The seconds that a pod waits for a worker: on a busy machine, a worker may hear of a container that late."""
POD_IMAGE = "localhost/tests/pod:1"
BASE_IMAGE = "localhost/tests/pod-base:1"

_PROGRAMS = ("etcd", "containerd", "runc", "iptables", "conntrack", "openssl", "curl", "xz", "podman", "ldd")
_STORE = ("127.0.0.1", 16444)
"""Where etcd of a cluster listens that the script has started."""
_BUILDING = ("pip", "hatchling", "pathspec", "pluggy", "packaging", "trove_classifiers", "fsspec", "yaml", "_yaml")
"""The packages of this environment with which the image is built, and those that its programs import."""
_S3 = (
    *("s3fs", "aiobotocore", "botocore", "aiohttp", "aiohappyeyeballs", "aioitertools", "aiosignal", "attr", "attrs"),
    *("frozenlist", "multidict", "propcache", "yarl", "idna", "wrapt", "jmespath", "dateutil", "python_dateutil"),
    *("six", "urllib3", "typing_extensions"),
)
_SOURCES = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "translator", "airflow_plugin", "prefect_plugin")
_OPTIONS = "--no-index --no-build-isolation --no-deps --quiet --root-user-action=ignore"


@dataclass(slots=True)
class Cluster:
    """A running cluster, and how the runner uses it."""

    kubeconfig: Path
    pod_image: str
    step_image: str
    sh_image: str
    folder: Path | None = None
    """The directory of its state, if the tests may stop and start its parts."""
    namespace: str = "default"
    """The namespace of the pods, which is that of the kubeconfig's context."""
    settings: dict[str, Any] = field(default_factory=lambda: {"pull": "never", "lost_after": LOST_AFTER})

    def runner(self, **settings: Any) -> Runner:
        return runner("kubernetes", **{"helper_image": self.pod_image, **self.settings, **settings})

    @property
    def host(self) -> str:
        """The address of this machine that pods reach; the node of the tests' own cluster is this machine."""
        if self.folder is None:
            refuse("pods of a cluster that the tests did not start may not reach this machine")
        return "10.97.0.1"

    @property
    def toml(self) -> str:
        """The translator.toml that runs all steps in its pods."""
        return (
            f'[defaults]\nrunner = "kubernetes"\n'
            f'runners.kubernetes = {{ helper_image = "{self.pod_image}", pull = "never" }}\n'
        )

    @contextlib.contextmanager
    def api(self) -> Iterator[Any]:
        """Yield a client of the API server."""
        from kubernetes import client, config

        configuration = client.Configuration()
        config.load_kube_config(str(self.kubeconfig), client_configuration=configuration)
        with client.ApiClient(configuration) as connection:
            yield client.CoreV1Api(connection)

    def pods(self) -> list[dict[str, Any]]:
        with self.api() as api:
            selector = "app.kubernetes.io/managed-by=pipeline-translator"
            answer = api.list_namespaced_pod(self.namespace, label_selector=selector, _preload_content=False)
            return list(json.loads(answer.data)["items"])

    def delete(self, pod: str, grace: int = 30) -> None:
        with self.api() as api:
            api.delete_namespaced_pod(pod, self.namespace, grace_period_seconds=grace, _preload_content=False)

    def empty(self, within: float = 240.0, without: Collection[str] = ()) -> bool:
        """Return whether there are no other pods; those that have ended are removed a moment later."""
        deadline = time.monotonic() + within
        while any(pod["metadata"]["name"] not in without for pod in self.pods()):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.2)
        return True

    @contextlib.contextmanager
    def server_stopped(self) -> Iterator[None]:
        """End the API server, and start it again."""
        if self.folder is None:
            refuse("the tests did not start this cluster, so they do not stop its server")
        number = int((self.folder / "apiserver.pid").read_text())
        command = (Path("/proc") / str(number) / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
        os.kill(number, signal.SIGKILL)
        try:
            yield
        finally:
            with (self.folder / "apiserver.log").open("ab") as log:
                process = subprocess.Popen(
                    command, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
                )
            (self.folder / "apiserver.pid").write_text(f"{process.pid}\n")
            self._wait_for_server()

    def _wait_for_server(self) -> None:
        deadline = time.monotonic() + 240
        while True:
            try:
                self.pods()
            except Exception:  # each release of the client has its own exceptions
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.5)
            else:
                return


@contextlib.contextmanager
def cluster() -> Iterator[Cluster]:
    """Provide a cluster, and end it if it was started here."""
    named = os.environ.get("KUBECONFIG")
    if named:
        yield _existing(Path(named))
        return
    if not SCRIPT.exists():
        pytest.skip("no Kubernetes cluster: KUBECONFIG names none, and ../shared/kubernetes does not exist")
    require(*_PROGRAMS)
    if os.getuid() != 0:
        refuse("starting a Kubernetes cluster needs root")
    with _only_one(), contextlib.ExitStack() as images:
        archive = images.enter_context(_images())  # before a cluster takes processor time
        folder = Path(tempfile.mkdtemp(prefix="translator-cluster-"))
        unpacked = Path(tempfile.gettempdir()) / f"translator-kube-all-{SCRIPT.with_name('kube-all.xz').stat().st_size}"
        try:
            _run("up", folder, environment={"KUBE_ALL": str(unpacked)})
            _run("load", folder, archive)
            images.close()
            yield Cluster(folder / "kubeconfig", POD_IMAGE, podman.PYTHON_IMAGE, podman.SH_IMAGE, folder)
        finally:
            _run("down", folder)
            shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def _only_one() -> Iterator[None]:
    """Refuse to start a second cluster on this machine; what a killed one left, such as its bridge, does not count."""
    with SCRIPT.open("rb") as script:
        if _runs_elsewhere(script):
            refuse("another Kubernetes cluster runs on this machine: name it with KUBECONFIG, or end it")
        yield


def _runs_elsewhere(script: BinaryIO) -> bool:
    try:
        fcntl.flock(script, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    try:
        socket.create_connection(_STORE, timeout=5).close()
    except OSError:
        return False
    return True


def _existing(kubeconfig: Path) -> Cluster:
    images = [os.environ.get(f"TRANSLATOR_TESTS_{name}_IMAGE") for name in ("POD", "STEP")]
    folder = kubeconfig.parent
    own = (folder / "containerd.sock").exists()
    if all(images):
        pod, step = map(str, images)
        found = Cluster(kubeconfig, pod, step, podman.SH_IMAGE if own else step, folder if own else None)
        worker = os.environ.get("PYTEST_XDIST_WORKER")
        return _in_namespace(found, f"tests-{worker}") if own and worker else found
    if not own:
        refuse(
            "TRANSLATOR_TESTS_POD_IMAGE and TRANSLATOR_TESTS_STEP_IMAGE name no images for the cluster of KUBECONFIG"
        )
    with _images() as archive:
        _run("load", folder, archive)
    return Cluster(kubeconfig, POD_IMAGE, podman.PYTHON_IMAGE, podman.SH_IMAGE, folder)


def _in_namespace(cluster: Cluster, name: str) -> Cluster:
    """Return the cluster as a worker sees it in a namespace that only this worker uses."""
    with cluster.api() as api:
        api.create_namespace({"metadata": {"name": name}})
        deadline = time.monotonic() + 240
        while not api.list_namespaced_service_account(name).items:  # without one, pods are refused
            assert time.monotonic() < deadline, f"the namespace {name} has no service account"
            time.sleep(0.1)
    text = yaml.safe_load(cluster.kubeconfig.read_text())
    for context in text["contexts"]:
        context["context"]["namespace"] = name
    kubeconfig = cluster.kubeconfig.with_name(f"kubeconfig-{name}")
    kubeconfig.write_text(yaml.safe_dump(text))
    return replace(cluster, kubeconfig=kubeconfig, namespace=name)


def main(command: list[str]) -> int:
    """Run a command with a cluster that its tests share, if one can be started, else without; return its status."""
    try:
        with cluster() as started:
            variables = {
                "KUBECONFIG": str(started.kubeconfig),
                "TRANSLATOR_TESTS_POD_IMAGE": started.pod_image,
                "TRANSLATOR_TESTS_STEP_IMAGE": started.step_image,
            }
            return subprocess.run(command, env={**os.environ, **variables}, check=False).returncode
    except (pytest.skip.Exception, pytest.fail.Exception) as reason:
        print(f"no shared cluster: {reason}", file=sys.stderr)
    return subprocess.run(command, check=False).returncode


def _run(verb: str, *arguments: object, environment: dict[str, str] | None = None) -> None:
    command = ["bash", SCRIPT, verb, *map(str, arguments)]
    try:
        done = subprocess.run(
            command, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False, timeout=300
        )
        problem = done.stderr.strip() if done.returncode else None
    except subprocess.TimeoutExpired:
        problem = "no end within 300 s"
    if problem is not None and verb != "down":
        # Not every machine lets a cluster start, whatever is installed.
        pytest.skip(f"cluster {verb} fails: {problem}")


@contextlib.contextmanager
def _images() -> Iterator[Path]:
    """Build the images with Podman, which only needs its command line here, and yield an archive of all of them."""
    with tempfile.TemporaryDirectory(prefix="translator-images-", ignore_cleanup_errors=True) as name:
        work = Path(name)
        engine = podman.Podman(work, 0)
        (work / "containers.conf").write_text(podman._SETTINGS.format(tmp=work / "tmp"))
        (work / "registries.conf").write_text("")
        python = podman._image(("sh", *podman._PROGRAMS), python=True)
        engine.run("import", "-", podman.PYTHON_IMAGE, content=python)
        engine.run("import", "-", podman.SH_IMAGE, content=podman._image(("sh",), python=False))
        engine.run("import", "-", BASE_IMAGE, content=_with_packages(python, (*_BUILDING, *_S3)))
        build_pod_image(engine, work / "context")
        archive = work / "images.tar"
        images = (podman.PYTHON_IMAGE, podman.SH_IMAGE, POD_IMAGE)
        engine.run("save", "--multi-image-archive", "--output", str(archive), *images)
        yield archive


def build_pod_image(engine: podman.Podman, context: Path) -> None:
    """Build the image of our own containers from the repository, without a network."""
    context.mkdir()
    for source in (ROOT / one for one in (*_SOURCES, "docs")):
        copy = shutil.copytree if source.is_dir() else shutil.copy
        copy(source, context / source.name)
    file = ROOT / "images" / "pod" / "Dockerfile"
    arguments = [f"BASE={BASE_IMAGE}", f"PIP_OPTIONS={_OPTIONS}"]
    options = [word for one in arguments for word in ("--build-arg", one)]
    isolation = ("--network", "host", "--isolation", "chroot")
    engine.run("build", *isolation, "--file", str(file), *options, "--tag", POD_IMAGE, str(context))


def _with_packages(image: bytes, names: tuple[str, ...]) -> bytes:
    """Return an image with packages of this environment."""
    site = Path(sysconfig.get_path("purelib"))
    # Debian's Python looks for packages in directories of other names, except in a virtual environment.
    told = "import site; print(site.getsitepackages(['/usr/local'])[-1])"
    command = [str(Path(sys.executable).resolve()), "-I", "-c", told]
    packages = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip().lstrip("/")
    content = io.BytesIO(image)
    with tarfile.open(fileobj=content, mode="a") as archive:
        for found in sorted({one for name in names for one in (*site.glob(name), *site.glob(f"{name}-*.dist-info"))}):
            archive.add(found, f"{packages}/{found.name}", filter=_wanted)
        for module in site.glob("*.py"):
            if module.stem in names:
                archive.add(module, f"{packages}/{module.name}")
    return content.getvalue()


def _wanted(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    parts = set(member.name.split("/"))
    return None if {"__pycache__", "tests"} & parts else member


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
