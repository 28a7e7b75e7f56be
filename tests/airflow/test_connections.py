"""Find Airflow's connections."""

import json
import subprocess
import sys

import pytest

pytest.importorskip("airflow.sdk")

PROGRAM = """
from airflow_plugin import connections
from translator.shim.contract import Connection

found = connections.lookup("docker_gpu")
assert found == Connection("gpu.example", "me", "hunter2", 2376, {"certificates": "/certs"}), found
print(found, connections.lookup("none"))
"""


def test_connections_are_those_of_airflow(tmp_path):
    connection = {
        "conn_type": "docker", "host": "gpu.example", "login": "me", "password": "hunter2", "port": 2376,
        "extra": {"certificates": "/certs"},
    }  # fmt: skip
    environment = {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_DOCKER_GPU": json.dumps(connection),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "hunter2" not in done.stdout
    assert done.stdout.splitlines()[-1].endswith(" None")
