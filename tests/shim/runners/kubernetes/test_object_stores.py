"""Test that artifacts of an object store travel between it and the pod, and not through the worker."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from translator.code.snapshot import take
from translator.shim.contract import Input, InputFiles, StoreAddress
from translator.shim.execution import execute
from translator.shim.runners.kubernetes import pod_place
from translator.shim.store import open_store, transfer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster import Cluster
    from tests.shim.conftest import Worker
    from tests.shim.runners.kubernetes.conftest import InPod

SIZE = 3_000_000
MAKE = f"python3 -c \"open('/valohai/outputs/big', 'wb').write(b'x' * {SIZE})\""


@pytest.fixture(scope="module")
def pod_s3(cluster: Cluster) -> Iterator[StoreAddress]:
    """Serve a bucket at an address that pods reach, with credentials that no variable holds."""
    server_module = pytest.importorskip("moto.server")
    s3fs = pytest.importorskip("s3fs")
    host = cluster.host
    server = server_module.ThreadedMotoServer(ip_address=host, port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    options = {"key": "testing", "secret": "testing", "endpoint_url": f"http://{host}:{port}"}
    s3fs.S3FileSystem(**options).makedirs("bucket", exist_ok=True)
    yield StoreAddress("s3://bucket/pods", options)
    s3fs.S3FileSystem.clear_instance_cache()
    server.stop()


@pytest.fixture
def passed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of the files that the worker itself uploads and downloads."""
    names: list[str] = []
    upload, download = transfer.upload, transfer.download

    def uploading(source: Path, *rest: object) -> object:
        names.append(source.name)
        return upload(source, *rest)  # type: ignore[arg-type]

    def downloading(open_source: object, target: Path, *rest: object) -> object:
        names.append(target.name)
        return download(open_source, target, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(transfer, "upload", uploading)
    monkeypatch.setattr(transfer, "download", downloading)
    return names


def test_artifacts_do_not_pass_through_the_worker(
    worker: Worker, in_pod: InPod, pod_s3: StoreAddress, passed: list[str]
) -> None:
    link = "cd /valohai/outputs; ln -s big linked; mkdir deep; ln -s ../big deep/too; echo small > small"
    step = in_pod(MAKE, link, "ln -s /valohai/outputs/deep again; ln -s /nowhere broken; ln -s /etc/passwd out || true")
    made = execute(step, replace(worker.context("make"), store=pod_s3))
    digest = hashlib.sha256(b"x" * SIZE).hexdigest()
    assert "'out' is a symbolic link to '/etc/passwd', outside the workspace" in (made.reason or ""), worker.told
    assert {file.path: (file.size, file.sha256) for file in made.outputs if file.path != "small"} == dict.fromkeys(
        ["again/too", "big", "deep/too", "linked"], (SIZE, digest)
    )
    assert passed == ["small"]

    records = [file for file in made.outputs if file.path in {"big", "small"}]
    use = in_pod(
        "cat /valohai/inputs/data/small; wc -c < /valohai/inputs/data/big; cp -r /valohai/inputs/data /valohai/outputs",
        "ln -s /valohai/inputs/data/big /valohai/outputs/linked",
        inputs=[Input("data")],
    )
    worker.log.clear()
    used = execute(use, replace(worker.context("use"), store=pod_s3), inputs={"data": InputFiles(files=records)})
    assert used.state == "complete", worker.told
    assert worker.output == ["small", str(SIZE)]
    assert {file.path: file.sha256 for file in used.outputs if not file.path.endswith("small")} == {
        "data/big": digest,
        "linked": digest,
    }
    assert passed == ["small", "small"]


def test_a_snapshot_does_not_pass_through_the_worker(
    worker: Worker, in_pod: InPod, pod_s3: StoreAddress, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    worker.script("deep/greet.sh", "echo hello from a snapshot\n")
    (worker.project / "deep" / "greet.sh").chmod(0o755)
    (worker.project / "link").symlink_to("deep/greet.sh")
    store = open_store(pod_s3)
    context = replace(worker.context("code"), store=pod_s3, project=take(worker.project, store).name)
    step = in_pod("sh link; test -x deep/greet.sh; touch deep/new; ls deep")
    with monkeypatch.context() as patch:
        patch.setattr(pod_place, "_pack_project", lambda *_: pytest.fail("the worker sends the project"))
        made = execute(step, context)
    assert made.state == "complete", worker.told
    assert worker.output == ["hello from a snapshot", "greet.sh", "new"]

    # This worker has a copy; the pod fetches the archive, and checks it.
    (name,) = store.names(".code")
    s3fs = pytest.importorskip("s3fs")
    files = s3fs.S3FileSystem(**pod_s3.options)
    with files.open(f"bucket/pods/.code/{name}", "wb") as archive:
        archive.write(b"something else")
    worker.log.clear()
    refused = execute(step, replace(context, id=replace(context.id, node="damaged")))
    assert refused.state == "error"
    assert "has changed since it was published" in (refused.reason or "")
    assert worker.output == []

    # Without an archive, the worker sends its copy.
    files.rm(f"bucket/pods/.code/{name}")
    worker.log.clear()
    sent = execute(step, replace(context, id=replace(context.id, node="removed")))
    assert sent.state == "complete", worker.told
    assert "sends its own copy" in worker.notes
    assert worker.output == ["hello from a snapshot", "greet.sh", "new"]


@pytest.mark.wide("kubernetes")
def test_an_artifact_that_has_changed_is_refused(worker: Worker, in_pod: InPod, pod_s3: StoreAddress) -> None:
    made = execute(in_pod(MAKE), replace(worker.context("make2"), store=pod_s3))
    (record,) = made.outputs
    step = in_pod("echo began", inputs=[Input("data")])
    wrong = replace(record, sha256="0" * 64)
    used = execute(step, replace(worker.context("use2"), store=pod_s3), inputs={"data": InputFiles(files=[wrong])})
    assert used.state == "error"
    assert "has changed since it was published" in (used.reason or "")
    assert not used.infrastructure
    assert worker.output == []


@pytest.mark.wide("kubernetes")
def test_all_files_may_pass_through_the_worker(
    worker: Worker, in_pod: InPod, pod_s3: StoreAddress, passed: list[str]
) -> None:
    step = in_pod(MAKE, settings={"transfer": "worker"})
    made = execute(step, replace(worker.context("make3"), store=pod_s3))
    assert made.state == "complete", worker.told
    assert passed == ["big"]
