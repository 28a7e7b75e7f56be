"""Find Airflow's connections."""

import json
import re
import subprocess
import sys

import pytest

pytest.importorskip("airflow.sdk")

PROGRAM = """
import os

from airflow_plugin.configuration import connections
from translator.shim.contract import Connection

found = connections.lookup("docker_gpu")
assert found == Connection("gpu.example", "me", "hunter2", 2376, {"certificates": "/certs"}), found
from airflow_plugin.database.connections import lookup
assert (lookup("docker_gpu"), lookup("none")) == (found, None)

from airflow_plugin.configuration import secrets
assert (secrets.lookup("docker_gpu"), secrets.lookup("none")) == ("hunter2", None)
print(found, connections.lookup("none"))

from airflow_plugin.configuration.locations import store_address
from translator.shim.contract import StoreAddress
from translator.shim.store import StoreError

os.environ["AIRFLOW__PIPELINE_TRANSLATOR__STORE"] = "s3://configured"
said = {"store": "s3://said", "store_connection": "artifacts"}
options = {"key": "me", "secret": "swordfish", "endpoint_url": "http://minio"}
assert store_address({}) == StoreAddress("s3://configured")
assert store_address({"store": "s3://said"}) == StoreAddress("s3://said")
assert store_address(said) == StoreAddress("s3://said", options), store_address(said).options
assert store_address({"store_connection": "artifacts"}) == StoreAddress("s3://configured", options)
try:
    store_address({"store": "s3://said", "store_connection": "gone"})
except StoreError as error:
    assert "Airflow has no connection 'gone'" in str(error)
os.environ["TRANSLATOR_STORE"] = "/chosen"
assert store_address(said) == StoreAddress("/chosen")
print(store_address({}), StoreAddress("s3://said", options))
"""


def test_connections_are_those_of_airflow(tmp_path):
    connection = {
        "conn_type": "docker", "host": "gpu.example", "login": "me", "password": "hunter2", "port": 2376,
        "extra": {"certificates": "/certs"},
    }  # fmt: skip
    store = {"conn_type": "aws", "login": "me", "password": "swordfish", "extra": {"endpoint_url": "http://minio"}}
    environment = {
        "AIRFLOW_CONN_ARTIFACTS": json.dumps(store),
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW_CONN_DOCKER_GPU": json.dumps(connection),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{tmp_path}/airflow.db",
        "PATH": "/usr/bin:/bin",
    }
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert not {"hunter2", "swordfish"} & set(re.split(r"\W+", done.stdout))
    assert done.stdout.splitlines()[-2].endswith(" None")
