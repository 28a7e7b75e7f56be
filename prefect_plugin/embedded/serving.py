"""Serve the private Prefect of a run, whose home is PREFECT_HOME: ``python -m prefect_plugin.embedded.serving SOCKET``.

The socket is a file descriptor that the process of the flow has bound, so that nobody else can take its port.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from translator.shim.embedded import database
from translator.shim.embedded.loading import without_collections

DATABASE = "prefect.db"


def main(descriptor: int) -> None:
    """Serve until the process is ended."""
    file = Path(os.environ["PREFECT_HOME"]) / DATABASE
    if not file.exists():
        # Without it, the server creates the database when it starts.
        with contextlib.suppress(subprocess.CalledProcessError):
            database.prepare(file, "prefect", [f"prefect=={version('prefect')}"], _migrate)
    with without_collections():
        import uvicorn
        from prefect.server.api.server import create_app

        app = create_app(ephemeral=True, final=True)
    with socket.socket(fileno=descriptor) as listening:
        uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="on")).run([listening])


def _migrate() -> None:
    """Create Prefect's database as its server would when it starts."""
    command = [sys.executable, "-m", "prefect", "server", "database", "upgrade", "--yes"]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
