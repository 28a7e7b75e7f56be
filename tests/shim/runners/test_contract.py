"""Test what every runner gives an execution: the checks for all runners, and what only ours promise."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from translator.conformance.runners import CHECKS, Subject, run_check

if TYPE_CHECKING:
    from tests.shim.runners.conftest import Runs

TOOL = "from translator.shim.runners.process import namespace\nnamespace.find = lambda: namespace.Namespace({!r}, True)"


@pytest.mark.parametrize("check", CHECKS)
def test_runners_keep_their_contract(runs: Runs, check: str) -> None:
    preparation = TOOL.format(runs.kind) if runs.kind in {"bubblewrap", "unshare"} else ""
    assert run_check(check, Subject(runs.runner, runs.image, runs.isolated, preparation)) == []


def test_links_that_leave_the_project_lead_on(runs: Runs) -> None:
    if runs.kind == "docker":
        pytest.skip("a container does not see what is outside the project")
    (runs.worker.project.parent / "data").mkdir()
    (runs.worker.project.parent / "data" / "x").write_text("x\n")
    (runs.worker.project / "deep").mkdir()
    (runs.worker.project / "deep" / "data").symlink_to("../../data")
    for number in (0, 300):
        for one in range(number):
            runs.worker.script(f"many/{one}", "x")
        assert runs("cat deep/data/x", index=number).state == "complete", runs.worker.log
    assert runs.worker.output == ["x", "x"]


def test_links_among_the_outputs_of_a_large_project_become_files(runs: Runs) -> None:
    for number in range(300):
        runs.worker.script(f"many/{number}", "x")
    manifest = runs(
        'echo made > made; mkdir -p deep; echo deep > deep/made; cd "$VH_OUTPUTS_DIR"',
        'ln -s "$VH_REPOSITORY_DIR/made" "$VH_REPOSITORY_DIR/deep" .',
    )
    assert manifest.state == "complete", runs.worker.log
    assert [file.path for file in manifest.outputs] == ["deep/made", "made"]


def test_what_the_worker_has_can_be_imported(runs: Runs) -> None:
    if runs.kind == "docker":
        pytest.skip("an image has what it has")
    assert runs("python -c 'import pytest; print(pytest.__file__)'").state == "complete"
    assert runs.worker.output == [pytest.__file__]


def test_a_step_may_have_any_path(runs: Runs) -> None:
    if runs.kind == "toy":
        pytest.skip("it looks for nice on the PATH of the step")
    assert runs("echo $PATH", environment={"PATH": "/nowhere"}).state == "complete", runs.worker.log
    assert runs.worker.output == ["/nowhere"]


def test_a_disk_that_fills_up(runs: Runs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount")
    try:
        monkeypatch.setenv("TRANSLATOR_WORK", str(small / "work"))
        manifest = runs("head -c 9000000 /dev/zero > big; head -c 9000000 /dev/zero > /valohai/outputs/big")
        assert manifest.state == "error"
        assert "No space left on device" in "\n".join([str(manifest.reason), *runs.worker.log])
        assert list((small / "work").iterdir()) == []
        assert runs("echo x > /valohai/outputs/x", node="next").state == "complete"
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
