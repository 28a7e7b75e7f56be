"""Test that ``translate check`` reads the templates of pods, which workers would read much later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from translator.load import load

if TYPE_CHECKING:
    from pathlib import Path

PIPELINE = """
- step: {name: work, image: python, command: "true"}
- pipeline: {name: P, nodes: [{name: one, type: execution, step: work}], edges: []}
"""
SETTINGS = """
[defaults]
runner = "kubernetes"
runners.kubernetes = { helper_image = "pod:1", template = "pod.yaml" }
"""


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        (None, [("missing-file", "warning", "the pod template 'pod.yaml' is not in")]),
        ("kind: Pod\nspec: x\n", [("bad-setting", "error", "spec must be an object")]),
        ("kind: Pod\n", []),
    ],
)
def test_templates(template: str | None, expected: list[tuple[str, str, str]], tmp_path: Path) -> None:
    (tmp_path / "valohai.yaml").write_text(PIPELINE)
    (tmp_path / "translator.toml").write_text(SETTINGS)
    if template is not None:
        (tmp_path / "pod.yaml").write_text(template)
    found = load(tmp_path / "valohai.yaml").diagnostics.found
    assert [(one.code, one.severity) for one in found] == [(code, severity) for code, severity, _ in expected]
    for one, (_, _, text) in zip(found, expected, strict=True):
        assert text in one.message
