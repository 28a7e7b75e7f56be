"""Test how the connection of an engine, or a kubeconfig file, says where the cluster is."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.contract import Connection
from translator.shim.runners import RunnerError
from translator.shim.runners.kubernetes.cluster import connect
from translator.shim.runners.kubernetes.settings import read

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("kubernetes")

CONFIG: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Config",
    "clusters": [{"name": name, "cluster": {"server": f"https://{name}:6443"}} for name in ("one", "two")],
    "users": [{"name": "me", "user": {"token": "hunter2"}}],
    "contexts": [
        {"name": "first", "context": {"cluster": "one", "user": "me", "namespace": "ml"}},
        {"name": "second", "context": {"cluster": "two", "user": "me"}},
    ],
    "current-context": "first",
}


@pytest.mark.parametrize(
    ("extra", "settings", "where"),
    [
        ({"kube_config": CONFIG}, {}, ("https://one:6443", "ml")),
        ({"kube_config": json.dumps(CONFIG)}, {"context": "second"}, ("https://two:6443", "default")),
        ({"kube_config": CONFIG, "cluster_context": "second"}, {}, ("https://two:6443", "default")),
        ({"kube_config": CONFIG, "namespace": "jobs"}, {}, ("https://one:6443", "jobs")),
        ({"kube_config": CONFIG, "namespace": "jobs"}, {"namespace": "own"}, ("https://one:6443", "own")),
        ({"extra__kubernetes__kube_config": CONFIG}, {}, ("https://one:6443", "ml")),
        ({"kube_config_path": "FILE"}, {}, ("https://one:6443", "ml")),
        ({"kube_config_path": "FILE", "cluster_context": "second"}, {}, ("https://two:6443", "default")),
    ],
)
def test_connections_say_where_the_cluster_is(
    extra: dict[str, Any], settings: dict[str, Any], where: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "config").write_text(json.dumps(CONFIG))
    extra = {key: str(tmp_path / "config") if value == "FILE" else value for key, value in extra.items()}
    cluster = connect(read({"helper_image": "pod:1", **settings}), Connection(extra=extra))
    assert (cluster.address, cluster.namespace) == where
    assert cluster.configuration.auth_settings()["BearerToken"]["value"] == "Bearer hunter2"


def test_a_kubeconfig_of_the_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text(json.dumps(CONFIG))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    cluster = connect(read({"helper_image": "pod:1"}), None)
    assert (cluster.address, cluster.namespace) == ("https://one:6443", "ml")


@pytest.mark.parametrize(
    "extra", [{"kube_config": "not JSON"}, {"kube_config_path": "/no/such/file"}, {"kube_config": {"a": 1}}]
)
def test_credentials_that_cannot_be_read(extra: dict[str, Any]) -> None:
    with pytest.raises(RunnerError):
        connect(read({"helper_image": "pod:1"}), Connection(extra=extra))
