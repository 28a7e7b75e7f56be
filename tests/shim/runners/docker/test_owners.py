"""Give a worker that is a plain user what root has left in a container."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.podman import PYTHON_IMAGE, SH_IMAGE

if TYPE_CHECKING:
    from tests.podman import Podman

ROOT = Path(__file__).resolve().parents[4]
USER = 54321
# As root once, so that every module is loaded: the plain user may not be allowed to read them.
WORKER = """
import os, sys
from pathlib import Path
from translator.shim.contract import Context, ExecutionId, Step, runner
from translator.shim.execution import execute

url, folder, user, *images = sys.argv[1:]
COMMANDS = ["mkdir -p /valohai/outputs/a && echo made > /valohai/outputs/a/b && chmod 700 /valohai/outputs/a",
            "umask 077; mkdir locked; echo x > locked/x; chmod 000 locked; echo done"]
WITHOUT_PROGRAMS = ["echo made > /valohai/outputs/b; echo x > left; echo done"]

def run(name, image, commands):
    where = runner("docker", host=url, pull="never")
    context = Context(ExecutionId("p", "r", name), f"{folder}/{os.getuid()}", Path(folder) / "project", "prefect",
                      print)
    manifest = execute(Step("s", commands, image=image, runner=where), context)
    left = list((Path(folder) / str(os.getuid()) / ".work").iterdir())
    print(manifest.state, manifest.reason, [file.path for file in manifest.outputs], left, flush=True)

run("root", images[0], COMMANDS)
os.setgroups([])
os.setgid(int(user))
os.setuid(int(user))
run("user", images[0], COMMANDS)
run("without", images[1], WITHOUT_PROGRAMS)
"""


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
def test_a_plain_user_publishes_and_removes_what_root_made(podman: Podman) -> None:
    folder = Path(tempfile.mkdtemp(prefix="translator-owners-"))
    (folder / "project").mkdir()
    for path in (podman.folder, folder):
        path.chmod(0o755)
    podman.socket.chmod(0o666)
    os.chown(folder, USER, USER)
    try:
        done = subprocess.run(
            [sys.executable, "-c", WORKER, podman.url, str(folder), str(USER), PYTHON_IMAGE, SH_IMAGE],
            cwd=ROOT, capture_output=True, text=True, check=False, env={**os.environ, "HOME": "/"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        results = [line for line in done.stdout.splitlines() if line.startswith(("complete", "error"))]
        assert results == ["complete None ['a/b'] []"] * 2 + ["complete None ['b'] []"], done.stdout
        assert (folder / str(USER) / "p/r/user/0/try-1/outputs/a/b").stat().st_uid == USER
    finally:
        shutil.rmtree(folder)
    assert podman.empty()
