"""Run the first pipeline on a real Prefect server, and print the addresses of its pages as one line of JSON.

The server runs until standard input ends.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.pictures.runs import RATES, TRANSLATE, project, written


def main(folder: Path) -> None:
    """Run the flow twice, the second time with a learning rate that fails."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    site = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"{site}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "TRANSLATOR_STORE": str(folder / "artifacts"),
    }
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "prefect.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
    try:
        _wait(f"{site}/api/health")
        made = project(folder)
        written(made, "prefect", made)
        for rates in RATES.values():
            text = f"from training_flow import training; training(rate={rates})"
            subprocess.run([sys.executable, "-c", text], cwd=made, env=environment, check=True)
        time.sleep(60)  # the server records task runs late
        graph = folder / "graph.html"
        run = ["--run", "latest", "--store", str(folder / "artifacts")]
        command = [*TRANSLATE, "graph", str(made / "valohai.yaml"), *run, "-o", str(graph)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        pages = {"prefect-run": f"{site}/runs/flow-run/{_latest(site)}", "graph-page": graph.as_uri()}
        print(json.dumps(pages), flush=True)
        sys.stdin.read()
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def _wait(address: str) -> None:
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(address, timeout=60).read()
        except OSError:
            time.sleep(1)
        else:
            return
    raise TimeoutError(address)


def _latest(site: str) -> str:
    body = json.dumps({"sort": "START_TIME_DESC", "limit": 1}).encode()
    request = urllib.request.Request(f"{site}/api/flow_runs/filter", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return str(json.load(answer)[0]["id"])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
