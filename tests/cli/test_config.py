"""Test ``translate config``: what it prints, and its exit status."""

import json
from pathlib import Path

import pytest

from translator.cli import main

CASES = Path(__file__).parents[1] / "goldens" / "cases" / "settings"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("settings.yaml", "translator.toml"):
        (tmp_path / name).write_text((CASES / name).read_text())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def place(text: str) -> str:
    """Return the place of the first line of the configuration that begins with a text."""
    lines = (CASES / "translator.toml").read_text().splitlines()
    return f"translator.toml:{next(number for number, line in enumerate(lines, 1) if line.startswith(text))}"


def test_settings_are_shown_with_their_places(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "settings.yaml"]) == 0
    shown = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    rows = [[cell.strip() for cell in line if cell.strip()] for line in shown]
    gpu = '[environments."aws-*-g4dn.*"]'
    assert rows[0] == ["Settings (settings.yaml:29): translator.toml"]
    assert ["store", '"s3://ml-artifacts/pipelines"', place("store ="), "[defaults]"] in rows
    assert ["airflow.dag.store_connection", '"ml_artifacts"', place("store_connection"), "[defaults]"] in rows
    assert ["airflow.owner", '"ml-platform"', place("owner"), "[defaults]"] in rows
    assert ["train (step train, environment aws-eu-west-1-g4dn.xlarge)"] in rows
    assert ["airflow.queue", '"gpu"', place('airflow.queue = "gpu"'), gpu] in rows
    assert ["runners.docker.connection", '"docker_gpu"', place("runners.docker.connection"), gpu] in rows
    assert ["airflow.queue", '"small"', place('airflow.queue = "small"'), "[presets.small]"] in rows
    assert ["prepare (step prepare): as the pipeline"] in rows


def test_one_target_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "settings.yaml", "--target", "prefect"]) == 0
    assert "airflow" not in capsys.readouterr().out
    assert main(["config", "settings.yaml", "--target", "nothing"]) == 2


def test_json_has_every_setting_of_every_node(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "settings.yaml", "--format", "json"]) == 0
    (document,) = json.loads(capsys.readouterr().out)
    owner = {name: node["settings"]["airflow.owner"]["value"] for name, node in document["nodes"].items()}
    assert owner == {name: "data-science" if name == "again" else "ml-platform" for name in document["nodes"]}
    assert document["nodes"]["again"]["settings"]["airflow.owner"] == {
        "value": "data-science",
        "file": "translator.toml",
        "line": int(place('airflow.owner = "data-science"').partition(":")[2]),
        "column": 9,
        "table": "pipelines.Settings.nodes.again",
    }


def test_a_faulty_file_fails_every_command(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "translator.toml").write_text("[defaults.airflow]\nqueu = 1\n")
    for command in (["config"], ["check"], ["explain"], [], ["run"]):
        options = ["--target", "airflow"] if command != ["explain"] else []
        assert main([*command, "settings.yaml", *options]) == 1, command
        out, err = capsys.readouterr()
        assert "translator.toml:2:1: error[unknown-setting]" in out + err
        assert "did you mean 'queue'?" in out + err


def test_another_file_can_be_chosen(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = '[defaults.airflow]\nqueue = "other"\n[groups.storage.variables]\nBUCKET = "b"\n'
    (folder / "other.toml").write_text(text)
    assert main(["settings.yaml", "--target", "airflow", "--config", "other.toml"]) == 0
    text = capsys.readouterr().out
    assert '"queue": "other"' in text
    assert "ml-platform" not in text


def test_the_command_line_names_the_dag(folder: Path) -> None:
    assert main(["settings.yaml", "--target", "airflow", "--dag-id", "mine", "-o", "out/"]) == 0
    assert 'dag_id="mine"' in (folder / "out" / "mine.py").read_text()
    assert main(["settings.yaml", "--target", "airflow", "-o", "out/"]) == 0
    assert 'dag_id="ml.settings"' in (folder / "out" / "ml.settings.py").read_text()


def test_check_says_where_each_node_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    more = "[steps.score]\nresources = { cpu = 2, memory = 4096 }\n"
    text = (folder / "translator.toml").read_text().replace("[steps.score]\n", more)
    (folder / "translator.toml").write_text(text)
    assert main(["check", "settings.yaml"]) == 0
    lines = [line.strip() for line in capsys.readouterr().out.splitlines() if line.startswith("  Settings, ")]
    assert lines == [
        "Settings, prepare: a process on the worker",
        (
            "Settings, train: docker, image tensorflow/tensorflow:2.15.0-gpu (4 CPU, 16384 MB, 1 nvidia.com/gpu); "
            'airflow: queue="gpu", pool="gpu"; prefect: tags=["gpu"]'
        ),
        "Settings, again: a process on the worker",
        'Settings, score: docker, image registry.example.com/ml/score:3 (2 CPU, 4096 MB); airflow: queue="small"',
    ]
