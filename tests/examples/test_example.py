"""Lint the example project with the vendor's linter, and run it by ``translate run`` on this environment's engine.

``tests/parity`` runs it with values of a user on both engines.
"""

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parent.parent.parent / "examples" / "valohai" / "valohai.yaml"
CONTAINERS = EXAMPLE.with_name("containers.toml")
PROGRAMS = Path(sys.executable).parent
Run = Callable[..., tuple[str, dict, Path]]


def program(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [PROGRAMS / name, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


@pytest.fixture(params=["airflow", "prefect"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    """Run a pipeline of the example as it should end; return what is printed, ``run.json`` and its directory."""
    engine = request.param
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed in this environment")

    def run(pipeline: str, *arguments: str) -> tuple[str, dict, Path]:
        command = [
            "run",
            str(EXAMPLE),
            "--target",
            engine,
            "--pipeline",
            pipeline,
            "--store",
            str(tmp_path),
            *arguments,
        ]
        done = program("translate", *command)
        documents = list(tmp_path.glob("*/*/run.json"))
        assert len(documents) == 1, done.stdout + done.stderr
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout, json.loads(documents[0].read_text()), documents[0].parent

    return run


def states(document: dict) -> dict[str, str]:
    return {name: node["state"] for name, node in document["nodes"].items()}


def test_the_vendors_linter_finds_nothing() -> None:
    done = program("valohai-yaml", str(EXAMPLE))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("arguments", [(), ("--strict",), ("--config", str(CONTAINERS), "--strict")])
def test_check_finds_nothing_wrong(arguments: tuple[str, ...]) -> None:
    done = program("translate", "check", str(EXAMPLE), *arguments)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_gated_pipeline_stops_if_the_model_is_bad(run: Run) -> None:
    printed, document, _ = run("Gated Pipeline", "--param", "train.learning_rate=0.0000001")
    assert document["state"] == "stopped"
    assert states(document) == {
        "preprocess": "complete",
        "train": "complete",
        "evaluate": "complete",
        "report": "stopped",
    }
    evaluate = document["nodes"]["evaluate"]
    assert evaluate["executions"][0]["metadata"]["accuracy"] < 0.9
    effect = {"when": "node-complete", "if": ["metadata.accuracy < 0.9"], "then": "stop-pipeline"}
    assert evaluate["actions"] == [effect]
    assert "stop-pipeline at node-complete (metadata.accuracy < 0.9)" in printed


@pytest.mark.wide("examples")  # tests/parity and make demo run it, too
def test_the_training_pipeline_finds_the_best_model(run: Run) -> None:
    printed, document, folder = run("Training Pipeline", "--verbose")
    assert document["state"] == "complete"
    assert states(document) == dict.fromkeys(("preprocess", "train", "evaluate", "report"), "complete")
    points = [execution["parameters"] for execution in document["nodes"]["train"]["executions"]]
    grid = [(rate, regularisation) for rate in (0.001, 0.01, 0.1) for regularisation in (0.0001, 0.01)]
    assert [(point["learning_rate"], point["regularisation"]) for point in points] == grid
    chosen = document["nodes"]["evaluate"]["executions"][0]["metadata"]
    assert chosen["best_model"] == "model_lr0.01_reg0.0001.npz"
    assert chosen["accuracy"] > 0.94
    (report,) = folder.glob("report/0/try-1/outputs/report.md")
    assert '"best_model": "model_lr0.01_reg0.0001.npz"' in printed
    assert f"**model_lr0.01_reg0.0001.npz**, which reads {chosen['accuracy']:.1%}" in report.read_text()
