"""Find connections in Prefect's blocks."""

import pytest

pytest.importorskip("prefect")

from prefect.blocks.core import Block
from prefect.blocks.system import Secret
from pydantic import SecretStr

from prefect_plugin.configuration import connections
from translator.shim.contract import Connection


class Credentials(Block):
    """Stands in for the block of prefect-docker, which has these fields."""

    _block_type_name = "Docker Registry Credentials"
    _block_type_slug = "docker-registry-credentials"

    username: str
    password: SecretStr
    registry_url: str


def test_connections_are_blocks(server):
    Secret(value={"host": "tcp://gpu:2376", "extra": {"certificates": "/certs"}}).save("docker-gpu", overwrite=True)
    assert connections.lookup("docker_gpu") == Connection("tcp://gpu:2376", extra={"certificates": "/certs"})
    Credentials(username="me", password="hunter2", registry_url="ghcr.io").save("ghcr", overwrite=True)  # noqa: S106
    found = Connection("ghcr.io", "me", "hunter2")
    assert connections.lookup("ghcr") == found
    assert connections.lookup("docker-registry-credentials/ghcr") == found
    assert "hunter2" not in repr(found)
    assert connections.lookup("secret/ghcr") is None
    assert connections.lookup("no such") is None


class ClusterConfig(Block):
    """Stands in for the block of prefect-kubernetes, which has these fields."""

    _block_type_name = "Kubernetes Cluster Config"
    _block_type_slug = "kubernetes-cluster-config"

    config: dict
    context_name: str


class KubernetesCredentials(Block):
    """Stands in for the block of prefect-kubernetes, which has this field."""

    _block_type_name = "Kubernetes Credentials"
    _block_type_slug = "kubernetes-credentials"

    cluster_config: ClusterConfig


def test_blocks_of_prefect_kubernetes_are_connections(server):
    config = ClusterConfig(config={"clusters": []}, context_name="ml")
    config.save("ml-config", overwrite=True)
    KubernetesCredentials(cluster_config=config).save("ml-cluster", overwrite=True)
    expected = {"kube_config": {"clusters": []}, "cluster_context": "ml"}
    assert connections.lookup("ml_config") == Connection(extra=expected)
    assert connections.lookup("ml_cluster") == Connection(extra=expected)
    ClusterConfig.load("ml-config")
    KubernetesCredentials(cluster_config=ClusterConfig.load("ml-config")).save("ml-nested", overwrite=True)
    assert connections.lookup("ml_nested") == Connection(extra=expected)
