"""Test the settings of the kubernetes runner, and how `translate` checks and shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from translator.load import load
from translator.shim.runners.kubernetes.settings import SecretKey, check, lacks, read
from translator.shim.runners.settings import SettingsError

if TYPE_CHECKING:
    from pathlib import Path


def test_settings_are_read() -> None:
    settings = read(
        {
            "helper_image": "pod:1",
            "namespace": "ml",
            "secrets": {"TOKEN": "hub/token"},
            "tolerations": ({"key": "gpu", "operator": "Exists"},),
            "requests": {"cpu": 0.5, "memory": 512},
            "user": 1000,
        }
    )
    assert settings.secrets == {"TOKEN": SecretKey("hub", "token")}
    assert (settings.user, settings.requests) == ("1000", {"cpu": 0.5, "memory": 512})


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"nothing": 1}, "does not have the setting 'nothing'"),
        ({"namespace": "Not Valid"}, "namespace: expected a name"),
        ({"pull": "sometimes"}, "pull: expected one of missing, always, never"),
        ({"secrets": {"TOKEN": "hub"}}, "expected SECRET/KEY for TOKEN"),
        ({"secrets": {"a b": "hub/x"}}, "cannot be the name of an environment variable"),
        ({"labels": {"pipeline-translator/execution": "x"}}, "cannot be the key of a label"),
        ({"labels": {"team": "a b"}}, "cannot be the value of a label"),
        ({"node_selector": ["gpu"]}, "expected a table of strings"),
        ({"requests": {"gpu": 1}}, "expected a table with cpu"),
        ({"lost_after": 0}, "expected a positive number"),
        ({"user": "root"}, "expected UID or UID:GID"),
        ({"image_pull_secrets": "one"}, "expected a list of names"),
    ],
)
def test_what_is_wrong_with_settings(settings: dict[str, Any], problem: str) -> None:
    assert problem in "; ".join(check(settings))
    with pytest.raises(SettingsError):
        read(settings)


PIPELINE = """
- step: {name: work, image: none, command: [echo x]}
- pipeline: {name: P, nodes: [{name: one, type: execution, step: work}], edges: []}
"""


def checked(folder: Path, text: str, settings: str) -> list[str]:
    (folder / "valohai.yaml").write_text(text)
    (folder / "translator.toml").write_text(settings)
    return [f"{found.code}: {found.message}" for found in load(folder / "valohai.yaml").diagnostics]


def test_a_step_that_cannot_run_in_a_pod_is_an_error(tmp_path: Path) -> None:
    text = PIPELINE
    assert not [one for one in checked(tmp_path, text, KUBERNETES) if one.startswith("bad-setting")]
    without = checked(tmp_path, text, '[defaults]\nrunner = "kubernetes"\n')
    assert [one for one in without if "needs helper_image" in one]


def test_a_dialect_without_a_fixed_place_cannot_use_pods() -> None:
    assert lacks({"helper_image": "pod:1"}, "python:3.12", "valohai") == []
    (problem,) = lacks({"helper_image": "pod:1"}, "python:3.12", "loom")
    assert "steps of loom use files of the worker" in problem


KUBERNETES = """
[defaults]
runner = "kubernetes"
[defaults.runners.kubernetes]
helper_image = "pod:1"
namespace = "ml"
secrets = { HUB_TOKEN = "hub/token" }
"""
