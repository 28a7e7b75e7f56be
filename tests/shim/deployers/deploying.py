"""Deploy with the deployer ``local`` in tests, and call what it serves."""

from __future__ import annotations

import os
import socket
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from translator.shim import deployers
from translator.shim.contract import Deployment, Endpoint, ExecutionId
from translator.shim.deployers import Deployed, Request
from translator.shim.deployers.local.supervisor import Supervisor
from translator.shim.process import environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

APP = """\
import os, pathlib

def app(environ, start_response):
    if environ["PATH_INFO"].endswith("/crash"):
        os._exit(3)
    if environ["PATH_INFO"].endswith("/health"):
        start_response("503 Service Unavailable" if pathlib.Path("sick").exists() else "204 No Content", [])
        return []
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    words = [pathlib.Path("model.txt").read_text(), environ["PATH_INFO"], environ["HTTP_X_VH_PREFIX"],
             os.environ["VH_DEFAULT_PREFIX"], body.decode(), environ["QUERY_STRING"]]
    start_response("200 OK", [("Content-Type", "text/plain"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")])
    return ["|".join(words).encode()]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Machine:
    """A directory of deployments with a project, on its own port."""

    deployer = "local"

    def __init__(self, directory: Path, project: Path) -> None:
        self.directory, self.project, self.port = directory, project, free_port()
        self.said: list[str] = []
        self.note: Callable[[str], None] = self.said.append
        project.mkdir()
        (project / "app.py").write_text(APP)

    def deploy(
        self,
        model: str = "",
        *,
        name: str = "digits",
        aliases: Sequence[str] = ("live",),
        endpoints: Sequence[Endpoint] | None = None,
        pulse: Callable[[], None] = lambda: None,
        variables: Mapping[str, str] | None = None,
        **settings: object,
    ) -> Deployed:
        chosen = [Endpoint("predict", wsgi="app:app", files={"model": "model.txt"})] if endpoints is None else endpoints
        staged = self.directory.parent / f"staged-{model}.txt"
        staged.write_text(model)
        files = {one.name: dict.fromkeys(one.files.values(), staged) for one in chosen}
        return deployers.load(self.deployer).deploy(
            Request(
                deployment=Deployment(name, chosen, aliases),
                id=ExecutionId("pipeline", "run", "deploy"),
                project=self.project,
                without=None,
                files=files,
                settings={**self.settings, **settings},
                environment=variables or {},
                inherited=environment.of_step(os.environ, ()),
                note=self.note,
                pulse=pulse,
                connection=lambda _: None,
            )
        )

    @property
    def settings(self) -> dict[str, Any]:
        return {"directory": str(self.directory), "port": self.port}

    @property
    def administration(self) -> deployers.Administration:
        administration = deployers.load(self.deployer).administration
        assert administration is not None
        return administration(self.settings, lambda _: None)

    def get(self, path: str, data: bytes | None = None) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", data, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    @contextmanager
    def called(self, path: str, callers: int) -> Iterator[list[tuple[int, str]]]:
        """Call a path from several threads while the context is open; yield the list that the answers go to."""
        answers: list[tuple[int, str]] = []
        stopping = threading.Event()

        def call() -> None:
            while not stopping.is_set():
                answers.append(self.get(path, b"z" * 1000))

        threads = [threading.Thread(target=call) for _ in range(callers)]
        for thread in threads:
            thread.start()
        try:
            yield answers
        finally:
            stopping.set()
            for thread in threads:
                thread.join()

    def model(self, alias: str = "live", name: str = "digits") -> str:
        status, text = self.get(f"/{name}/{alias}/predict/")
        assert status == 200, text
        return text.partition("|")[0]

    def shut_down(self) -> None:
        supervisor = Supervisor(self.directory)
        if supervisor.is_alive():
            supervisor.shut_down()
