"""The Loom examples, run by Loom itself and by the engine of this environment: the same states, the same bytes."""

import hashlib
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples" / "loom"
LOOM = ROOT / ".venv" / "loom" / "bin" / "loom"
TRANSLATE = Path(sys.executable).with_name("translate")
COMPLETE, SKIPPED = "complete", "skipped"

# Per example: what Loom is told, what we are told, the state of each node, and one value of what came out.
CASES = {
    "parallel": (
        ("--set", "threshold_high=0.6"),
        ("--param", "threshold_high=0.6"),
        dict.fromkeys(
            (
                "generate_data",
                *(f"process_config_{name}" for name in ("low", "mid", "high")),
                "compare_results",
            ),
            COMPLETE,
        ),
        '"best": "high"',
    ),
    "loop": ((), (), dict.fromkeys(("split", "count", "compare"), COMPLETE), '"116": 57,'),
    "switch": (
        ("--set", "allowed=0.01", "--include", "draw", "--var", "gaps=output/lost/hours.txt"),
        ("--param", "allowed=0.01", "--param", "include.draw=true", "--param", "data.gaps=output/lost/hours.txt"),
        {"measure": COMPLETE, "complete_enough": COMPLETE, "fit": SKIPPED, "list_gaps": COMPLETE, "draw": COMPLETE},
        "15:00  18.4 ##################",
    ),
}


def ran(*command: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        list(map(str, command)), cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )


def of_loom(example: str, told: Sequence[str], folder: Path) -> dict[str, str]:
    """The digest of each file that Loom makes of an example."""
    shutil.copytree(EXAMPLES / example, folder, ignore=shutil.ignore_patterns("output", "__pycache__"))
    done = ran(LOOM, "pipeline.yml", *told, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    made = [path for path in (folder / "output").rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in made}


@pytest.mark.parametrize("example", CASES)
def test_check_finds_nothing_wrong(example: str) -> None:
    done = ran(TRANSLATE, "check", "--strict", EXAMPLES / example / "pipeline.yml", cwd=ROOT)
    assert done.stdout.endswith("nothing to report\n"), done.stdout + done.stderr


@pytest.mark.parametrize("engine", ["airflow", "prefect"])
@pytest.mark.parametrize("example", CASES)
def test_an_example_runs_as_in_loom(example: str, engine: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(engine) is None:
        pytest.skip(f"{engine} is not installed in this environment")
    loom, ours, states, shown = CASES[example]
    file = EXAMPLES / example / "pipeline.yml"
    done = ran(TRANSLATE, "run", file, "--target", engine, "--store", tmp_path / "store", *ours, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = tmp_path.glob(f"store/{example}/*/run.json")
    document = json.loads(path.read_text())
    assert {name: node["state"] for name, node in document["nodes"].items()} == states
    made = [
        file for node in document["nodes"].values() for execution in node["executions"] for file in execution["outputs"]
    ]
    assert {file["path"]: file["sha256"] for file in made} == of_loom(example, loom, tmp_path / "loom")
    texts = [found.read_text() for found in path.parent.rglob("output/*") if found.is_file()]
    assert any(shown in text for text in texts)
