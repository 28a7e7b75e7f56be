"""Run steps of Loom, Magnus and runnable in containers: their image needs python3 if the step does."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.podman import SH_IMAGE
from translator.shim.contract import Catalog, Parameter, Scope
from translator.shim.execution import execute

if TYPE_CHECKING:
    from tests.shim.conftest import Worker
    from tests.shim.runners.docker.conftest import InContainer


def test_a_script_of_loom_writes_its_outputs(worker: Worker, in_container: InContainer) -> None:
    worker.script(
        "t.py",
        """
        import pathlib, sys
        path = pathlib.Path(sys.argv[2])
        path.write_text("made")
        (pathlib.Path(__file__).parent / "left").touch()
        """,
    )
    manifest = worker.run(
        in_container(
            "t.py",
            dialect="loom",
            kind="script",
            parameters=[Parameter("--out", default="output/o.txt")],
            outputs=["--out"],
        )
    )
    assert manifest.state == "complete", worker.told
    # Loom's scripts run in the project itself.
    assert (worker.project / "left").exists()
    assert [file.path for file in manifest.outputs] == ["output/o.txt"]


def test_a_condition_of_loom_runs_our_own_program(worker: Worker, in_container: InContainer) -> None:
    worker.script("c.py", "def evaluate(n):\n    return n > 2\n")
    manifest = worker.run(
        in_container("c.py", dialect="loom", kind="condition", parameters=[Parameter("n", "integer", default=3)])
    )
    assert (manifest.state, manifest.metadata) == ("complete", {"result": True}), worker.told


def test_functions_and_shells_of_magnus_pass_parameters_on(worker: Worker, in_container: InContainer) -> None:
    worker.script("fns.py", "def give(x: int):\n    print('in the image', x)\n    return x + 1\n")
    step = in_container("fns.give", dialect="runnable", kind="python", returns={"y": "json"})
    manifest = execute(step, worker.context(), scope=Scope({"x": 1}))
    assert manifest.state == "complete", worker.told
    assert manifest.scope is not None
    assert manifest.scope.written == {"y": 2}
    assert worker.output == ["in the image 1"]
    shell = in_container(
        'echo "x is $x" > made; cat made', dialect="runnable", kind="shell", catalog=Catalog(put=["made"])
    )
    manifest = execute(shell, worker.context("shell"), scope=Scope({"x": 1}))
    assert manifest.state == "complete", worker.told
    assert worker.output[-1] == "x is 1"
    assert [file.path for file in manifest.outputs] == ["made"]


def test_an_image_without_python_is_the_reason(worker: Worker, in_container: InContainer) -> None:
    worker.script("fns.py", "def give(x: int):\n    return x + 1\n")
    step = replace(in_container("fns.give", dialect="runnable", kind="python"), image=SH_IMAGE)
    manifest = execute(step, worker.context(), scope=Scope({"x": 1}))
    assert manifest.state == "error"
    assert f"steps of runnable need python3 in their image, and {SH_IMAGE} has none" in (manifest.reason or "")
