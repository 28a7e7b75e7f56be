"""Test which files in a command's outputs directory become artifacts."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

from translator.shim.store import try_key

PYTHON = shlex.quote(sys.executable)
OUT = "cd /valohai/outputs"


def kept(worker, *commands: str) -> tuple[str, dict[str, str]]:
    """Return the state of an execution and its artifacts with their content."""
    manifest = worker.run([OUT, *commands])
    found = {}
    for number, record in enumerate(manifest.outputs):
        target = worker.project / f"brought{number}"
        worker.store.bring(record, target)
        found[record.path] = target.read_text()
        assert (record.size, target.stat().st_mode & 0o777) == (len(found[record.path]), 0o444)
    return manifest.state.value, found


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (["true"], {}),
        (["printf 1 > a", "mkdir -p d/e empty", "printf 2 > d/e/f"], {"a": "1", "d/e/f": "2"}),
        (["printf 1 > 'a b'", 'printf 2 > "q\'\\"$.txt"', "printf 3 > é☃"], {"a b": "1", "q'\"$.txt": "2", "é☃": "3"}),
        (["printf 1 > .hidden", "printf 2 > -dash"], {".hidden": "1", "-dash": "2"}),
        (["printf 1 > a", "chmod 000 a", "mkdir d", "printf 2 > d/b", "chmod 000 d"], {"a": "1", "d/b": "2"}),
        (["printf 1 > a", "chmod 444 a"], {"a": "1"}),
        # Symbolic links to what is in the workspace become files.
        (["printf 1 > a", "ln -s a b", "mkdir d", "ln -s ../a d/c"], {"a": "1", "b": "1", "d/c": "1"}),
        (["mkdir d", "printf 1 > d/a", "ln -s d e"], {"d/a": "1", "e/a": "1"}),
        (["printf 1 > $TMPDIR/x", "printf 2 > /valohai/config/y", "ln -s /valohai/config/y y"], {"y": "2"}),
        (["ln -s nowhere a", "printf 1 > b"], {"b": "1"}),
        (["ln -s a a", "printf 1 > b"], {"b": "1"}),
        # Hard links become files of their own.
        (["printf 1 > a", "ln a b"], {"a": "1", "b": "1"}),
        # What holds no data is left out.
        (["mkfifo pipe", "printf 1 > a"], {"a": "1"}),
    ],
)  # fmt: skip
def test_what_is_kept(worker, commands: list[str], expected: dict[str, str]) -> None:
    assert kept(worker, *commands) == ("complete", expected)


@pytest.mark.parametrize(
    ("command", "note"),
    [
        ("mkfifo pipe", "the output 'pipe' is a named pipe, which has no content; not published"),
        (
            "ln -s nowhere link",
            "the output 'link' is a symbolic link to 'nowhere', which does not exist; not published",
        ),
        (
            f"{PYTHON} -c 'import socket; socket.socket(socket.AF_UNIX).bind(\"s\")'",
            "the output 's' is a socket, which has no content; not published",
        ),
        pytest.param(
            "mknod null c 1 3",
            "the output 'null' is a device, which has no content; not published",
            marks=pytest.mark.skipif(os.getuid() != 0, reason="only root makes devices"),
        ),
    ],
)
def test_what_holds_no_data_is_noted(worker, monkeypatch: pytest.MonkeyPatch, command: str, note: str) -> None:
    if command.startswith("mknod"):
        monkeypatch.setenv("TRANSLATOR_NAMESPACE", "never")  # nobody makes devices in a namespace
    assert kept(worker, command) == ("complete", {})
    assert note in worker.notes


UP = "../" * 30


@pytest.mark.parametrize(
    ("commands", "reason"),
    [
        (["ln -s /etc/passwd a"], ("the output 'a' is a symbolic link to '/etc/passwd', outside the workspace; "
                                  "copy the file instead")),
        (["ln -s / root"], ("the output 'root' is a symbolic link to '/', outside the workspace; "
         "copy the file instead")),
        ([f"ln -s {UP}etc d"], (f"the output 'd' is a symbolic link to '{UP}etc', outside the workspace; "
         "copy the file instead")),
        (["mkdir d", "ln -s .. d/up"], ("the output 'd/up' is a symbolic link to '..', "
         "a directory that contains the link itself")),
        (["printf 1 > \"$(printf 'a\\377b')\""], ("an output cannot be published: "
         "the name 'a\\udcffb' is not valid UTF-8; rename the file")),
        (["cd /", "rm -r /valohai/outputs"], "the command removed its outputs directory"),
        (["cd /", "rm -r /valohai/outputs", "ln -s /etc /valohai/outputs"], ("the command removed its outputs"
                                                                           " directory")),
    ],
)  # fmt: skip
def test_unpublishable_outputs_are_errors_and_others_are_published(worker, commands: list[str], reason: str) -> None:
    manifest = worker.run([OUT, "printf good > z", *commands])
    assert (manifest.state, manifest.reason) == ("error", reason)
    assert [record.path for record in manifest.outputs] == ([] if "removed" in reason else ["z"])
    folder = Path(worker.uri) / try_key(manifest.id, "outputs")
    assert not [path for path in folder.rglob("*") if path.is_symlink()]


def test_an_output_outside_its_directory_is_dropped(worker) -> None:
    state, found = kept(worker, "printf 1 > ../../evil", "printf 2 > ok")
    assert (state, found) == ("complete", {"ok": "2"})
    assert not list(Path(worker.uri).parent.rglob("evil"))


def test_two_directories_that_link_to_each_other_end(worker) -> None:
    state, _ = kept(worker, "mkdir a b", "ln -s ../b a/b", "ln -s ../a b/a", "printf 1 > a/x")
    assert state == "error"


def test_the_users_own_hard_linked_file_is_left_alone(worker) -> None:
    worker.script("mine", "mine")
    if kept(worker, f"ln {shlex.quote(str(worker.project))}/mine linked") != ("complete", {"linked": "mine"}):
        pytest.skip("hard links across file systems")
    assert (worker.project / "mine").stat().st_mode & 0o200
    assert (worker.project / "mine").stat().st_nlink == 1


def test_outputs_of_a_failed_command_are_kept(worker) -> None:
    assert kept(worker, "printf 1 > a", "exit 3") == ("error", {"a": "1"})


def test_a_read_only_output_stays_until_the_end(worker) -> None:
    assert kept(worker, "printf 1 > a", "chmod 444 a", "sleep 0.1", "test -e a") == ("complete", {"a": "1"})


def test_thousands_of_outputs(worker) -> None:
    manifest = worker.run([OUT, "mkdir d", "i=0", "while [ $i -lt 2000 ]; do echo $i > d/$i; i=$((i+1)); done"])
    assert manifest.state == "complete"
    assert len(manifest.outputs) == 2000
    assert worker.store.manifest(manifest.uri) == manifest


def test_a_socket_path_fits_also_where_the_store_is_deep(worker, tmp_path) -> None:
    """Python's multiprocessing puts sockets into TMPDIR, whose paths are bounded."""
    worker.uri = str(tmp_path / ("deep" * 20) / "store")
    worker.script("m.py", """
        import multiprocessing.managers
        if __name__ == "__main__":
            with multiprocessing.managers.SyncManager() as manager:
                print(manager.list([1])[0])
        """)  # fmt: skip
    manifest = worker.run(f"{PYTHON} m.py")
    assert manifest.state == "complete", manifest.reason
    assert worker.output == ["1"]
