"""Measure an execution in a container against ``podman run`` of the same, on the same engine."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from measure import Row, emit, note, require, seconds, side_by_side

from tests.podman import PYTHON_IMAGE, Podman, podman
from translator.shim.contract import Context, ExecutionId, Step, runner
from translator.shim.execution import execute


def main() -> None:
    """Measure one row, if there is an engine."""
    if shutil.which("podman") is None:
        note("  skipped: podman is not installed (make packages)")
        return
    with podman(Path(tempfile.mkdtemp(prefix="translator-bench-"))) as engine:
        measure(engine, engine.folder)


def measure(engine: Podman, folder: Path) -> None:
    """Measure a command that does nothing, with a directory of this machine in the container."""
    (folder / "project").mkdir()
    step = Step("step", ["python3 -c pass"], image=PYTHON_IMAGE, runner=runner("docker", host=engine.url, pull="never"))
    context = Context(ExecutionId("p", "r", "n"), str(folder / "store"), folder / "project", "prefect", lambda _: None)
    command = engine.command(
        "run", "--rm", "--volume", f"{folder}/project:/valohai", PYTHON_IMAGE, "/bin/sh", "-c", "python3 -c pass"
    )

    def ours() -> float:
        return seconds(lambda: _complete(step, context))

    def theirs() -> float:
        return seconds(lambda: subprocess.run(command, env=engine.environment, check=True, stdin=subprocess.DEVNULL))

    mine, reference = side_by_side(ours, theirs, rounds=15)
    emit(Row("an execution of `python3 -c pass` in a container", mine, "`podman run` of the same", reference, "s", 1.1))


def _complete(step: Step, context: Context) -> None:
    manifest = execute(step, context)
    require(manifest.state == "complete", str(manifest.reason))


if __name__ == "__main__":
    main()
