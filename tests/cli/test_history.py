"""Test ``translate runs``, ``show``, ``logs``, ``outputs`` and ``compare``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.history.conftest import Made
from translator.cli import main
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Callable

    Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Return a store with two runs: an execution of the second one failed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    made = Made(str(tmp_path / "artifacts"), tmp_path / "scratch")
    for run, ending, day in (("first", State.COMPLETE, 1), ("second", State.ERROR, 2)):
        made.execution(run, "prepare", log="prepared\n", outputs={"data/a.csv": "1,2"})
        for index, state in ((0, State.COMPLETE), (1, ending)):
            made.execution(
                run,
                "train",
                index,
                kind="task",
                state=state,
                log=f"training {index}\n\x1b[31mred\n",
                outputs={"model.bin": "m" * (index + 1)},
                parameters={"rate": index},
                metadata={"accuracy": 0.5 + index / 4},
                ended=f"2026-11-28T08:0{index}:12.500Z",
            )
        made.finish(run, engine="prefect" if run == "first" else "airflow", started=f"2026-11-0{day}T08:00:00.000Z")
    return made


@pytest.fixture
def translate(made: Made, capsys: pytest.CaptureFixture[str]) -> Run:
    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_runs(translate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status, out, _ = translate("runs")
    assert status == 0
    head, second, first, blank, store = cells(out)
    assert head == ["PIPELINE", "RUN", "STATE", "ENGINE", "STARTED", "DURATION"]
    assert second[:4] == ["Training Pipeline", "second", "error", "airflow"]
    assert first[:4] == ["Training Pipeline", "first", "complete", "prefect"]
    assert (blank, store) == ([], [f"store: {tmp_path / 'artifacts'}"])
    status, out, _ = translate("runs", "--format", "json", "--pipeline", "Training Pipeline")
    assert [(run["run"], run["started"]) for run in json.loads(out)] == [
        ("second", "2026-11-02T08:00:00.000Z"),
        ("first", "2026-11-01T08:00:00.000Z"),
    ]
    assert translate("runs", "--store", "nothing") == (0, f"no runs in {tmp_path / 'nothing'}\n", "")
    assert translate("runs", "--store", "nothing://x")[0] == 2
    monkeypatch.setitem(sys.modules, "gcsfs", None)
    said = "the store gs://x needs the package gcsfs, which is missing here; pip install 'pipeline-translator[gcs]'\n"
    assert translate("runs", "--store", "gs://x")[2] == f"translate: --store: {said}"
    (tmp_path / "translator.toml").write_text('[defaults]\nstore = "gs://x"\n')
    assert translate("runs")[2] == f"translate: {said}"


def test_the_store_of_the_configuration_counts(translate: Run, tmp_path: Path) -> None:
    (tmp_path / "translator.toml").write_text(
        f'[defaults]\nstore = "{tmp_path}/nothing"\n[pipelines."Training Pipeline"]\nstore = "{tmp_path}/artifacts"\n'
    )
    assert translate("runs")[1] == f"no runs in {tmp_path / 'nothing'}\n"
    assert "second" in translate("runs", "--pipeline", "Training Pipeline")[1]
    assert "second" in translate("runs", "--store", "artifacts")[1]
    globs = tmp_path / "translator.toml"
    globs.write_text(globs.read_text().replace('"Training Pipeline"', '"Train*"') + 'airflow.owner = "ml"\n')
    assert "second" in translate("runs", "--pipeline", "Training Pipeline")[1]
    assert ["run", "second"] in cells(translate("show", "--pipeline", "Training Pipeline")[1])


def test_the_store_of_the_variable_counts_before_the_configuration(
    translate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "translator.toml").write_text(f'[defaults]\nstore = "{tmp_path}/nothing"\n')
    monkeypatch.setenv("TRANSLATOR_STORE", str(tmp_path / "artifacts"))
    assert "second" in translate("runs")[1]
    assert ["run", "second"] in cells(translate("show")[1])
    assert translate("runs", "--store", "nothing")[1] == f"no runs in {tmp_path / 'nothing'}\n"
    monkeypatch.setenv("TRANSLATOR_STORE", "nothing://x")
    assert translate("runs")[2].startswith("translate: TRANSLATOR_STORE: the store nothing://x cannot be opened: ")
    monkeypatch.setenv("TRANSLATOR_STORE", "artifact-store/ml")
    status, _, err = translate("runs")
    assert (status, err.split("; ")[1]) == (2, "give the store's address with --store\n")


def test_only_the_latest_runs_are_listed(translate: Run, made: Made) -> None:
    for number in range(22):
        made.execution(f"r{number}", "train")
        made.finish(f"r{number}")
    _, out, _ = translate("runs")
    assert len(out.splitlines()) == 1 + 20 + 2
    assert out.splitlines()[-1].endswith("; 4 earlier runs: --all")
    assert len(json.loads(translate("runs", "--all", "--format", "json")[1])) == 24


def test_show(translate: Run, tmp_path: Path) -> None:
    status, out, _ = translate("show")
    assert status == 0
    rows = cells(out)
    assert ["run", "second"] in rows
    assert ["state", "error"] in rows
    assert ["parameters", "rate=0.1"] in rows
    assert ["prepare", "complete", "12 s"] in rows
    assert ["data/a.csv", "3 B"] in rows
    assert ["[0] rate=0", "complete", "12 s", "accuracy=0.5"] in rows
    failed = "the command ended with exit status 1; log: train/1/try-1/log.txt; accuracy=0.75"
    assert ["[1] rate=1", "error", "1 min 12 s", failed] in rows
    by_path = tmp_path / "artifacts" / "Training-Pipeline-7280a0" / "first" / "run.json"
    assert ["run", "first"] in cells(translate("show", str(by_path), "--store", "nothing")[1])
    document = json.loads(translate("show", "first", "--format", "json")[1])
    assert document["nodes"]["train"]["executions"][1]["metadata"] == {"accuracy": 0.75}
    assert document["location"] == f"file://{by_path.parent}"


def test_logs(translate: Run) -> None:
    assert translate("logs", "latest", "prepare") == (0, "prepared\n", "")
    assert translate("logs", "train.1") == (0, "training 1\n\\x1b[31mred\n", "")
    assert translate("logs", "first", "train[1]") == (0, "training 1\n\\x1b[31mred\n", "")
    _, out, _ = translate("logs")
    assert [line for line in out.splitlines() if line.startswith("==>")] == [
        "==> prepare: complete",
        "==> train[0]: complete",
        "==> train[1]: error",
    ]
    assert json.loads(translate("logs", "prepare", "--format", "json")[1]) == [
        {"execution": "prepare", "state": "complete", "log": "prepared\n"}
    ]
    assert translate("logs", "prepare", "--attempt", "2") == (1, "", "translate: there is no log\n")
    assert translate("logs", "prepar") == (2, "", "translate: there is no run 'prepar'\n")
    status, _, err = translate("logs", "first", "prepar")
    assert (status, err) == (2, "translate: there is no node 'prepar' in this run; did you mean 'prepare'?\n")


def test_outputs_are_copied(translate: Run, tmp_path: Path) -> None:
    assert cells(translate("outputs", "first", "prepare")[1])[0][:3] == ["prepare", "data/a.csv", "3 B"]
    assert translate("outputs", "first", "--to", "here") == (0, "copied 3 files to here\n", "")
    here = tmp_path / "here"
    copied = {str(path.relative_to(here)): path.read_text() for path in here.rglob("*") if path.is_file()}
    assert copied == {"prepare/data/a.csv": "1,2", "train/0/model.bin": "m", "train/1/model.bin": "mm"}
    (here / "prepare" / "data" / "a.csv").write_text("changed")
    assert "1,2" in next((tmp_path / "artifacts").rglob("first/**/a.csv")).read_text()
    status, _, err = translate("outputs", "first", "--to", "here")
    assert status == 2
    assert "here/prepare/data/a.csv exists already" in err
    files = json.loads(translate("outputs", "first", "train", "--format", "json")[1])
    assert [(file["execution"], file["path"], file["size"]) for file in files] == [
        ("train[0]", "model.bin", 1),
        ("train[1]", "model.bin", 2),
    ]


def test_a_changed_or_missing_artifact_is_not_copied(translate: Run, tmp_path: Path) -> None:
    file = next((tmp_path / "artifacts").rglob("first/**/a.csv"))
    file.chmod(0o644)
    file.write_text("9,9")
    status, _, err = translate("outputs", "first", "prepare", "--to", "here")
    assert (status, "has changed since it was published" in err) == (2, True)
    assert not list((tmp_path / "here").rglob("*.csv"))
    file.unlink()
    os.mkfifo(file)
    status, _, err = translate("outputs", "first", "prepare", "--to", "here")
    assert (status, "is missing from the store" in err) == (2, True)


def test_a_manifest_cannot_write_outside(translate: Run, tmp_path: Path) -> None:
    manifest = next((tmp_path / "artifacts").rglob("first/prepare/**/manifest.json"))
    manifest.write_text(manifest.read_text().replace('"path": "data/a.csv"', '"path": "../../evil"'))
    status, _, err = translate("outputs", "first", "prepare", "--to", "here/deep")
    assert status == 2
    assert "../../evil" in err
    assert not list(tmp_path.rglob("evil"))


def test_compare(translate: Run) -> None:
    status, out, _ = translate("compare", "first", "second")
    rows = cells(out)
    assert status == 1
    assert rows[0] == ["first (prefect)", "second (airflow)", "files"]
    assert ["prepare", "execution", "complete", "complete", "1 equal"] in rows
    assert ["train", "task of 2", "complete", "error (1 complete)", "2 equal"] in rows
    assert ["the run", "complete", "error"] in rows
    assert ["train[1]", "state", '"complete"', '"error"'] in rows
    assert ["train[1]", "reason", "-", '"the command ended with exit status 1"'] in rows
    assert translate("compare", "first", "first")[0] == 0
    document = json.loads(translate("compare", "first", "latest", "--format", "json")[1])
    assert not document["equal"]
    assert {"where": "state", "left": "complete", "right": "error"} in document["differences"]
    assert translate("compare", "first")[0] == 2


def test_long_values_are_shown_where_they_differ(
    translate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "artifacts" / "Training-Pipeline-7280a0" / "first" / "run.json"
    document = json.loads(file.read_text())
    for name, pipeline in (("a", "P" * 100), ("b", "P" * 60 + "Q" * 40)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_text(json.dumps({**document, "pipeline": pipeline}))
    monkeypatch.chdir("b")
    status, out, _ = translate("compare", "../a", "run.json")
    assert status == 1
    assert ["the run", "pipeline", f"…{'P' * 48}…", f"…{'P' * 10}{'Q' * 38}…"] in cells(out)
    assert out.splitlines()[-1] == "1 difference; all of them: --format json"


def test_a_damaged_run_is_shown_but_not_compared(translate: Run, tmp_path: Path) -> None:
    (tmp_path / "artifacts" / "Training-Pipeline-7280a0" / "first" / "run.json").write_text("{}")
    assert ["state", "unreadable"] in [
        [*row[:1], row[1].partition(":")[0]] for row in cells(translate("show", "first")[1])
    ]
    status, _, err = translate("compare", "first", "second")
    assert (status, "it has no 'pipeline'" in err) == (2, True)
