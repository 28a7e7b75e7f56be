"""List the Loom examples, how to run each, and how it ends in Loom itself."""

import hashlib
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
EXAMPLES = ROOT / "examples" / "loom"
LOOM = ROOT / ".venv" / "loom" / "bin" / "loom"
COMPLETE, SKIPPED = "complete", "skipped"


@dataclass(frozen=True)
class Case:
    """What Loom is told, the same as values of the run, the states of the nodes, and a line of what comes out."""

    told: tuple[str, ...]
    values: Mapping[str, str | float | bool]
    states: Mapping[str, str]
    line: str


CONFIGURATIONS = [f"process_config_{name}" for name in ("low", "mid", "high")]
CASES = {
    "parallel": Case(
        ("--set", "threshold_high=0.6"),
        {"threshold_high": 0.6},
        dict.fromkeys(("generate_data", *CONFIGURATIONS, "compare_results"), COMPLETE),
        '"best": "high"',
    ),
    "loop": Case((), {}, dict.fromkeys(("split", "count", "compare"), COMPLETE), '"116": 57,'),
    "switch": Case(
        ("--set", "allowed=0.01", "--include", "draw", "--var", "gaps=output/lost/hours.txt"),
        {"allowed": 0.01, "include.draw": True, "data.gaps": "output/lost/hours.txt"},
        {"measure": COMPLETE, "complete_enough": COMPLETE, "fit": SKIPPED, "list_gaps": COMPLETE, "draw": COMPLETE},
        "15:00  18.4 ##################",
    ),
}


def file_of(example: str) -> Path:
    return EXAMPLES / example / "pipeline.yml"


def assert_as_in_loom(example: str, document: Mapping[str, Any], of_run: Path, folder: Path) -> None:
    """Hold a ``run.json``, with the run's directory in the store, against Loom, which runs a copy in ``folder``."""
    case = CASES[example]
    assert {name: node["state"] for name, node in document["nodes"].items()} == case.states
    executions = [execution for node in document["nodes"].values() for execution in node["executions"]]
    made = {file["path"]: file["sha256"] for execution in executions for file in execution["outputs"]}
    assert made == of_loom(example, folder)
    texts = [file.read_text() for file in of_run.rglob("*.*") if file.is_file()]
    assert any(case.line in text for text in texts)


def of_loom(example: str, folder: Path) -> dict[str, str]:
    """Return the digest of each file that Loom writes for an example."""
    shutil.copytree(EXAMPLES / example, folder, ignore=shutil.ignore_patterns("output", "__pycache__"))
    command = [LOOM, "pipeline.yml", *CASES[example].told]
    done = subprocess.run(command, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    made = [path for path in (folder / "output").rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in made}
