"""Test ``--reuse`` and ``--no-reuse``: which nodes of a generated file reuse results."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from translator.cli import main

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """\
- step: {name: work, image: busybox, command: 'true'}
- pipeline:
    name: P
    REUSE
    nodes:
      - {name: prepare, type: execution, step: work}
      - {name: train, type: execution, step: work}
      - {name: test, type: execution, step: work}
    edges: []
"""


def generated(tmp_path: Path, capsys: pytest.CaptureFixture[str], target: str, *options: str, file: str = "") -> str:
    path = tmp_path / "valohai.yaml"
    path.write_text(TEXT.replace("    REUSE\n", f"    {file}\n" if file else ""))
    assert main([str(path), "--target", target, *options]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize(
    ("file", "options", "nodes"),
    [
        ("", (), []),
        ("", ("--reuse",), ["prepare", "train", "test"]),
        ("", ("--reuse", "t*"), ["train", "test"]),
        ("", ("--reuse", "prepare", "--reuse", "test"), ["prepare", "test"]),
        ("reuse-executions: true", (), ["prepare", "train", "test"]),
        ("reuse-executions: false", (), []),
        ("reuse-executions: true", ("--no-reuse",), []),
    ],
)
def test_the_nodes_that_reuse_results(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], file: str, options: tuple[str, ...], nodes: list[str]
) -> None:
    dag = generated(tmp_path, capsys, "airflow", *options, file=file)
    flow = generated(tmp_path, capsys, "prefect", *options, file=file)
    assert ('"reuse": Param(' in dag) == ("reuse: bool = True" in flow) == bool(nodes)
    if len(nodes) == 3:
        assert '"reuse": dag_param("reuse")' in dag
        assert "reuse=reuse)" in flow
    else:
        own = re.findall(r'task_id="(\w+)",\n\s+step=\w+,\n\s+reuse=dag_param\("reuse"\)', dag)
        assert own == nodes
        assert ("reuse_nodes=" in flow) == bool(nodes)
        assert all(f'"{name}"' in flow.partition("reuse_nodes=")[2] for name in nodes)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--reuse", "trian"), "--reuse trian: no node has this name; did you mean 'train'?"),
        (("--reuse", "train", "--no-reuse"), "not allowed with argument"),
    ],
)
def test_bad_options(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    (tmp_path / "valohai.yaml").write_text(TEXT.replace("    REUSE\n", ""))
    assert main([str(tmp_path / "valohai.yaml"), "--target", "airflow", *options]) == 2
    assert message in capsys.readouterr().err


def test_the_file_comes_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "valohai.yaml").write_text(TEXT.replace("    REUSE\n", ""))
    monkeypatch.chdir(tmp_path)
    assert main(["--target", "airflow", "--reuse", "valohai.yaml"]) == 2
    assert "expected the name of a node; write the pipeline file first" in capsys.readouterr().err


def test_other_languages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", "loom", str(tmp_path)]) == 0
    assert main([str(tmp_path / "pipeline.yml"), "--target", "airflow", "--reuse"]) == 2
    assert "executions of loom cannot be reused" in capsys.readouterr().err


def test_children_of_a_task_blueprint(tmp_path: Path) -> None:
    from translator.load import load_text

    text = """\
- step: {name: work, image: busybox, command: 'true', parameters: [{name: n, type: integer}]}
- task:
    name: many
    step: work
    type: grid_search
    CHILDREN
    parameters: [{name: n, style: multiple, rules: {items: [1, 2]}}]
- pipeline:
    name: P
    reuse-executions: EXECUTIONS
    nodes: [{name: one, type: execution, step: work}, {name: many, type: task, task: many}]
    edges: []
"""
    for executions, children, expected in (
        ("false", "reuse-children: true", [False, True]),
        ("true", "reuse-children: false", [True, False]),
        ("true", "", [True, True]),
        ("false", "", [False, False]),
    ):
        (pipeline,) = load_text(text.replace("EXECUTIONS", executions).replace("CHILDREN", children)).pipelines
        assert [node.policy.reuse for node in pipeline.nodes] == expected  # type: ignore[union-attr]
