"""Test how the address and the certificates of an engine are used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.contract import Connection
from translator.shim.runners.docker.engine import Address, Engine, _versions, address, connect
from translator.shim.runners.docker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("connection", "url"),
    [
        (Connection("gpu"), "tcp://gpu:2375"),
        (Connection("gpu", port=2400), "tcp://gpu:2400"),
        (Connection("tcp://gpu", port=2400), "tcp://gpu:2400"),
        (Connection("tcp://gpu:2401", port=2400), "tcp://gpu:2401"),
        (Connection("gpu", extra={"certificates": "/certs"}), "tcp://gpu:2376"),
        (Connection("tcp://gpu", extra={"certificates": "/certs"}), "tcp://gpu:2376"),
        (Connection("ssh://me@gpu"), "ssh://me@gpu"),
        (Connection("/run/docker.sock"), "unix:///run/docker.sock"),
    ],
)
def test_a_connection_tells_the_address(connection: Connection, url: str) -> None:
    assert address(Settings(), connection).url == url


def test_only_the_authority_of_the_connection_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Companies name their own authorities in this variable, which requests lets win over those of a session."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/others.pem")
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).touch()
    where = Address("tcp://gpu:2376", str(tmp_path))
    monkeypatch.setitem(_versions, where, "1.41")
    client = connect(where).client
    assert client.merge_environment_settings("https://gpu:2376/version", {}, None, None, None)["verify"] == str(
        tmp_path / "ca.pem"
    )


@pytest.mark.parametrize(
    ("about", "rootless"),
    [
        ({"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}, True),
        ({"SecurityOptions": ["name=seccomp,profile=default"], "Rootless": True}, True),
        ({"SecurityOptions": ["name=seccomp,profile=default"], "Rootless": False}, False),
        ({"SecurityOptions": None}, False),
    ],
    ids=["docker", "podman before 4.6", "podman of root", "nothing"],
)
def test_an_engine_of_a_plain_user_is_recognised(about: dict[str, Any], rootless: bool) -> None:
    """Its root is the worker's user: taken for root, chown would give the outputs to nobody."""
    engine = Engine(Address("unix:///nowhere"), SimpleNamespace(info=lambda: {**about, "CgroupVersion": "1"}))
    assert (engine.rootless, engine.limits) == (rootless, not rootless)
