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
    preparation = TOOL.format(runs.kind) if runs.kind in {"direct", "bubblewrap", "unshare"} else ""
    assert run_check(check, Subject(runs.runner, runs.image, runs.isolated, preparation)) == []


def test_links_that_leave_the_project_lead_on(runs: Runs) -> None:
    if runs.kind in {"docker", "kubernetes"}:
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


@pytest.mark.parametrize("size", ["small", "large"])
def test_links_among_the_outputs_become_what_they_name(runs: Runs, size: str) -> None:
    for number in range(300 if size == "large" else 0):
        runs.worker.script(f"many/{number}", "x")
    for name in ("whole/old", "deep/old", "deep/er/old", "deep/removed"):
        runs.worker.script(name, "old")
    manifest = runs(
        'echo made > made; echo deep > deep/made; rm deep/removed; cd "$VH_OUTPUTS_DIR"',
        'ln -s "$VH_REPOSITORY_DIR/made" "$VH_REPOSITORY_DIR/deep" "$VH_CONFIG_DIR/parameters.json" .',
        'ln -s "$VH_REPOSITORY_DIR/whole" "$VH_REPOSITORY_DIR/whole/old" .',
    )
    assert manifest.state == "complete", runs.worker.log
    expected = ["deep/er/old", "deep/made", "deep/old", "made", "old", "parameters.json", "whole/old"]
    assert [file.path for file in manifest.outputs] == expected


@pytest.mark.parametrize("size", ["small", "large"])
def test_a_directory_of_the_project_can_be_renamed(runs: Runs, size: str) -> None:
    for number in range(300 if size == "large" else 0):
        runs.worker.script(f"many/{number}", "x")
    runs.worker.script("deep/er/b.txt", "b")
    manifest = runs(
        'python3 -c \'import os; os.rename("deep/er", "deep/est"); os.rename("deep", "moved")\'',
        'ln -s "$VH_REPOSITORY_DIR/moved/est/b.txt" "$VH_OUTPUTS_DIR"',
    )
    assert manifest.state == "complete", runs.worker.log
    assert [file.path for file in manifest.outputs] == ["b.txt"]


def test_the_settings_of_the_kernel_cannot_be_written_to(runs: Runs) -> None:
    """Else root would choose which program the machine runs when another program crashes."""
    if not runs.isolated:
        pytest.skip("without a namespace this cannot be promised")
    setting = "/proc/sys/kernel/core_pattern"
    manifest = runs(f'same=$(cat {setting}); (echo "$same" > {setting}) 2>/dev/null && echo wrote; echo tried')
    assert manifest.state == "complete"
    assert runs.worker.output == ["tried"]


def test_what_the_worker_has_can_be_imported(runs: Runs) -> None:
    if runs.kind in {"docker", "kubernetes"}:
        pytest.skip("an image has what it has")
    assert runs("python -c 'import pytest; print(pytest.__file__)'").state == "complete"
    assert runs.worker.output == [pytest.__file__]


def test_outputs_that_become_read_only_are_published_at_once(runs: Runs) -> None:
    """Also files of another user, as those of a container are."""
    if runs.kind == "kubernetes":
        pytest.skip("outputs are in the pod until the command ends, so the command would wait for ever")
    runs.worker.should_stop = lambda: "seen" if runs.worker.notes.count("uploaded '") == 2 else None
    wait = "while [ -e $VH_OUTPUTS_DIR/deep/a ]; do sleep 0.1; done"
    manifest = runs(
        "cd $VH_OUTPUTS_DIR; mkdir deep; echo one > deep/a; chmod 0444 deep/a",
        f"{wait}; echo two > deep/a; chmod 0400 deep/a",
        f"{wait}; sleep 300",
    )
    assert (manifest.state, manifest.reason) == ("stopped", "seen"), runs.worker.log
    (file,) = manifest.outputs
    runs.worker.store.bring(file, runs.worker.project / "brought")
    assert (file.path, (runs.worker.project / "brought").read_text()) == ("deep/a", "two\n")


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


def test_mounts_may_come_and_go_while_a_command_starts(runs: Runs, coming_and_going: None) -> None:
    """Containers do that all the time, wherever their engine keeps them."""
    for number in range(300):
        runs.worker.script(f"many/{number}", "x")
    for index in range(10):
        manifest = runs("echo begun >&2; exit $VH_CODE", index=index, environment={"VH_CODE": str(index % 2)})
        assert manifest.state == ("error" if index % 2 else "complete"), runs.worker.log
    # A command of which even a part has run is not run again, and nothing of the failed attempts is seen.
    assert runs.worker.log.count("begun") == 10
    assert not any("bwrap" in line for line in runs.worker.log)
