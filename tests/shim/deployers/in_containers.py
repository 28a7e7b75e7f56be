"""Deploy with the deployer ``docker`` in tests; as a program, in a process that a test kills.

``in_containers.py DIRECTORY PORT ENGINE MODEL`` deploys one endpoint.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.podman import PYTHON_IMAGE
from tests.shim.deployers.deploying import Machine
from translator.shim.contract import Endpoint

if TYPE_CHECKING:
    from translator.shim.deployers import Deployed

# Not http.server's own program, which asks for the name of its machine first. It answers as the application of
# ``deploying.APP`` does.
SERVE = """\
import http.server, os, pathlib, socketserver, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path.endswith("/crash"):
            os._exit(3)
        body = self.rfile.read(int(self.headers["Content-Length"] or 0)).decode()
        model = pathlib.Path("in/model.txt").read_text()
        words = [model, self.path, self.headers["X-VH-Prefix"], os.environ["VH_DEFAULT_PREFIX"], body]
        sick = self.path.endswith("/health") and os.environ.get("SICK")
        self.send_response(503 if sick else 200)
        self.end_headers()
        self.wfile.write("|".join(words).encode())

    do_POST = do_GET

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
    request_queue_size = 100

pathlib.Path("written").touch()
Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""
COMMAND = "exec python3 serve.py 0.0.0.0 8000"


class ContainerMachine(Machine):
    """A directory of deployments whose servers are containers of an engine."""

    deployer = "docker"

    def __init__(self, directory: Path, project: Path, engine: str) -> None:
        super().__init__(directory, project)
        self.engine = engine
        (project / "serve.py").write_text(SERVE)

    @property
    def settings(self) -> dict[str, Any]:
        return {**super().settings, "engine": self.engine, "pull": "never", "timeout": 120, "network": "host"}

    def serve(self, model: str, command: str = COMMAND, *, image: str | None = PYTHON_IMAGE, **more: Any) -> Deployed:
        """Deploy an endpoint that runs a command."""
        of_endpoint = {key: more.pop(key) for key in ("resources", "port", "wsgi") if key in more}
        server = {} if "wsgi" in of_endpoint else {"server_command": [command]}
        endpoint = Endpoint("predict", image=image, files={"model": "in/model.txt"}, **server, **of_endpoint)
        return self.deploy(model, endpoints=[endpoint], **more)


if __name__ == "__main__":
    directory, port, engine, model = sys.argv[1:]
    machine = object.__new__(ContainerMachine)
    machine.directory, machine.port, machine.engine, machine.said = Path(directory), int(port), engine, []
    machine.project = machine.directory.parent / "project"
    machine.note = lambda line: print(line, flush=True)
    machine.serve(model)
