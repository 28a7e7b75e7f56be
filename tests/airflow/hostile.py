"""Provide a deployment that differs from a fresh Airflow in every way that a platform team may choose.

It has its own defaults for tasks, cluster policies that change tasks and refuse DAGs, tight limits, users with and
without permissions, an object store for XComs, a home directory that is not writable, and a temporary directory with
an odd name.
"""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.airflow.scheduler import Airflow, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

POLICIES = '''
"""Cluster policies of a platform team."""

from datetime import timedelta

from airflow.exceptions import AirflowClusterPolicyViolation


def dag_policy(dag):
    dag.tags.add("checked by the platform")
    if dag.dag_id == "refused":
        raise AirflowClusterPolicyViolation("DAGs of this name are refused; ask platform@example.com")


def task_policy(task):
    task.owner = "the platform"
    task.queue = "platform queue"
    task.pool = "small"
    task.retries = max(task.retries, 2)
    task.execution_timeout = timedelta(seconds=15 if task.dag_id == "slow" else 600)


def task_instance_mutation_hook(task_instance):
    task_instance.queue = "platform queue"
'''
USERS = ("admin", "viewer", "nobody")


@contextmanager
def hostile(home: Path) -> Iterator[Airflow]:
    """Start such a deployment, and end all of its processes afterwards."""
    temporary, elsewhere = home / "tmp of the Übung's $user", home / "working directory"
    for folder in (temporary, elsewhere, home / "config"):
        folder.mkdir(parents=True)
    (home / "config" / "airflow_local_settings.py").write_text(POLICIES)
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({user: user for user in USERS}))
    more = {
        "AIRFLOW__CORE__DEFAULT_TASK_EXECUTION_TIMEOUT": "900",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRIES": "2",
        "AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY": "1",
        "AIRFLOW__CORE__EXECUTE_TASKS_NEW_PYTHON_INTERPRETER": "True",
        "AIRFLOW__CORE__MAX_ACTIVE_RUNS_PER_DAG": "1",
        "AIRFLOW__CORE__MAX_ACTIVE_TASKS_PER_DAG": "2",
        "AIRFLOW__CORE__MAX_MAP_LENGTH": "3",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer,nobody:",
        "AIRFLOW__CORE__XCOM_BACKEND": "airflow.providers.common.io.xcom.backend.XComObjectStorageBackend",
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_PATH": (home / "xcoms").as_uri(),
        "AIRFLOW__COMMON_IO__XCOM_OBJECTSTORAGE_THRESHOLD": "1",
        "AIRFLOW__OPERATORS__DEFAULT_OWNER": "nobody in particular",
        "AIRFLOW__OPERATORS__DEFAULT_QUEUE": "a queue",
        "HOME": "/proc",  # not even root can write there
        "TMPDIR": str(temporary),
    }
    with running(home, more, elsewhere) as airflow:
        airflow.api("POST", "/api/v2/pools", {"name": "small", "slots": 3})
        yield airflow
