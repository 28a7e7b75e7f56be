"""Test which settings of runners count for the results of an execution."""

from __future__ import annotations

import pytest

from translator.shim.contract import Json, Runner, Step
from translator.shim.reuse import key, runner_settings


def of(runner: str, **settings: Json) -> tuple[object, str]:
    return runner_settings.of_step(Step("train", ["true"], runner=Runner(runner, settings)))


@pytest.mark.parametrize(
    ("runner", "settings", "counting"),
    [
        ("process", {"namespace": "never", "hardcoded_paths": "allow"}, {"hardcoded_paths": "allow"}),
        ("docker", {"host": "tcp://h:1", "pull": "never", "user": "1000"}, {"user": "1000"}),
        (
            "docker",
            {"network": "none", "shm_size": 64, "volumes": []},
            {"network": "none", "shm_size": 64, "volumes": []},
        ),
        ("docker", {"runtime": "nvidia", "security_options": ["x"]}, {"runtime": "nvidia", "security_options": ["x"]}),
        ("kubernetes", {"labels": {"a": "b"}, "helper_image": "x", "user": 7}, {"user": 7}),
        ("kubernetes", {"secrets": {"KEY": "db/password"}}, {"secrets": {"KEY": "db/password"}}),
        ("company", {"pull": "never", "queue": "big"}, {"pull": "never", "queue": "big"}),
    ],
)
def test_settings(runner: str, settings: dict[str, Json], counting: dict[str, Json]) -> None:
    assert of(runner, **settings) == (counting, "")


@pytest.mark.parametrize(
    ("runner", "settings", "reason"),
    [
        ("docker", {"volumes": ["/data:/data:ro"]}, "it sees volumes of its runner, whose contents are not known"),
        ("company", {"mounts": ["/data"]}, "it sees mounts of its runner, whose contents are not known"),
        (
            "kubernetes",
            {"template": "pod.yaml"},
            "it runs in a pod from a template, which may mount volumes whose contents are not known",
        ),
    ],
)
def test_mounts(runner: str, settings: dict[str, Json], reason: str) -> None:
    assert of(runner, **settings) == ({}, reason)
    step = Step("train", ["true"], runner=Runner(runner, settings))
    assert key.of_step(step, {}, lambda text: text).unknown == reason


def test_secrets_in_settings() -> None:
    step = Step("train", ["true"], runner=Runner("company", {"password": "hunter2"}))
    own = key.of_step(step, {}, lambda text: text.replace("hunter2", "***"))
    assert own.unknown == "the settings of its runner contain a secret"
    assert "hunter2" not in str(own)
