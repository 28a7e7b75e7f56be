"""Test where steps in containers get their files from: inputs with credentials, and the files of another commit."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.http_server import Server, send
from tests.installed import require
from tests.podman import SH_IMAGE
from translator.shim.contract import Connection, Input

if TYPE_CHECKING:
    from tests.shim.conftest import Worker
    from tests.shim.runners.docker.conftest import InContainer

TOKEN = "t0ken-of-the-portal-1234"  # noqa: S105 - it is meant to look like one


@pytest.mark.parametrize("on_demand", [False, True])
def test_inputs_are_read_with_a_connection(worker: Worker, in_container: InContainer, on_demand: bool) -> None:
    server = Server()
    server.answer = lambda handler, number: send(handler, 200, b"content\n")
    worker.connections = {"portal": Connection(password=TOKEN)}
    worker.input_connections = {f"http://{server.host}/": "portal"}
    step = in_container(
        "cat /valohai/inputs/in/*; cat /valohai/config/inputs.json; env",
        inputs=[Input("in", [server.url], on_demand=on_demand)],
    )
    manifest = worker.run(step)
    server.close()
    assert manifest.state == "complete", worker.told
    assert worker.output[0] == "content"
    assert [one["authorization"] for one in server.asked] == [f"Bearer {TOKEN}"]
    left = "".join(path.read_text(errors="replace") for path in Path(worker.uri).rglob("*") if path.is_file())
    assert TOKEN not in "\n".join(worker.log) + left


def test_a_step_of_another_commit_sees_its_files(
    worker: Worker, in_container: InContainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require("git")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name, value in {"NAME": "t", "EMAIL": "t@t"}.items():
        for who in ("AUTHOR", "COMMITTER"):
            monkeypatch.setenv(f"GIT_{who}_{name}", value)

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=worker.project, check=True, capture_output=True, text=True
        ).stdout

    worker.script("code.txt", "old\n")
    git("init", "-q")
    git("add", "-A")
    git("commit", "-q", "-m", "old")
    commit = git("rev-parse", "HEAD").strip()
    worker.script("code.txt", "new\n")
    worker.script("data.csv", "not in the commit\n")
    step = in_container(
        "while read line; do echo $line; done < code.txt; echo made > left; echo /valohai/repository/*", image=SH_IMAGE
    )
    for times in range(2):
        manifest = worker.run(replace(step, commit=commit), node=f"n{times}")
        assert manifest.state == "complete", worker.told
        assert worker.output[2 * times :] == ["old", "/valohai/repository/code.txt /valohai/repository/left"]
    manifest = worker.run(step, node="now")
    assert worker.output[4] == "new"
    missing = worker.run(replace(step, commit="0" * 40), node="missing")
    assert "has no commit '0000000000" in str(missing.reason)
