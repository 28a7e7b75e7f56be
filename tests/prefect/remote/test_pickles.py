"""Test what travels to other machines with an execution: plain values, without credentials and without other files."""

from __future__ import annotations

import pickle
import subprocess
import sys
import types
from uuid import uuid4

import pytest

pytest.importorskip("prefect")

import cloudpickle
from prefect.states import get_state_exception

from prefect_plugin.dataflow.executions import EarlierExecutions, Executions, NodeError
from prefect_plugin.dataflow.jobs import Job
from prefect_plugin.remote.remote_node import SecretError, remote_node
from prefect_plugin.run.current import enter_node, enter_run
from prefect_plugin.run.run_state import NodeRun, Run
from prefect_plugin.tasks.states import execution_state, manifest_of
from translator.shim.contract import ExecutionId, FileRecord, Manifest, Step, StoreAddress
from translator.shim.contract import State as Outcome

GENERATED = """
from prefect_plugin import NodeParameters

class TrainGrid(NodeParameters, node="train"):
    rate: float = 0.1
"""
LOAD = """
import pickle, sys
group = pickle.load(sys.stdin.buffer)
assert group.__module__ not in sys.modules
print(type(group).node, group.values())
"""


def travelled(value):
    """Return a value as another machine gets it."""
    return pickle.loads(pickle.dumps(value))  # noqa: S301 - our own


def test_a_job_is_plain_values_without_credentials(tmp_path):
    store = StoreAddress(str(tmp_path), {"secret": "swordfish"})
    run = Run(pipeline="P", id="run", store=store, store_block="block", code=tmp_path, parameters={}, flow_run=uuid4())
    with enter_run(run), enter_node(NodeRun(run, "train", "task")):
        job = Job(Step("train", ["true"]))
    assert b"swordfish" not in pickle.dumps(job)
    there = travelled(job)
    assert (there.node.name, there.node.run.id, there.node.run.store_block) == ("train", "run", "block")
    assert there.node.should_stop() is None


@pytest.mark.parametrize(
    "addresses",
    [
        {"store": StoreAddress("sftp://ml:swordfish@host/data")},
        {"store": StoreAddress("sftp://ml:s$word{fish@host/data")},
        {"git_remote": "https://bot:swordfish@host/project.git"},
        {"input_blocks": {"https://host/data?token=swordfish": "block"}},
    ],
)
def test_a_run_with_a_password_in_an_address_sends_nothing(tmp_path, addresses):
    values = {"store": StoreAddress(str(tmp_path)), "store_block": None, "code": tmp_path, **addresses}
    run = Run(pipeline="P", id="run", parameters={}, flow_run=uuid4(), **values)
    with enter_run(run), enter_node(NodeRun(run, "train", "task")):
        job = Job(Step("train", ["true"]))
    with pytest.raises(SecretError, match="contains a password") as refused:
        pickle.dumps(job)
    assert "fish" not in str(refused.value)


def test_users_without_passwords_travel(tmp_path):
    store = StoreAddress("sftp://ml@host/data")
    run = Run("P", "run", store, None, tmp_path, {}, uuid4(), git_remote="ssh://git@host/project.git")
    assert travelled(remote_node(NodeRun(run, "train", "task"))).run.store_uri == store.uri


def test_the_manifest_of_a_failed_execution_travels_but_is_not_shown():
    identity = ExecutionId("P", "run", "train", 0, 1, "task")
    outputs = [FileRecord(f"out-{number}", "", 1, "0") for number in range(10_000)]
    manifest = Manifest(identity, Outcome.ERROR, {}, {}, {}, outputs, "", "", reason="exit status 1")
    state = execution_state(manifest, travels=True)
    assert len(repr(state)) < 200
    assert len(str(get_state_exception(state))) < 200
    assert manifest_of(travelled(state)) == manifest


def test_executions_upstream_stay_behind():
    many = Executions("prepare", [object()] * 3)
    assert travelled(many).manifests == ()
    earlier = EarlierExecutions("prepare", "latest", lambda: pytest.fail("nobody asked for them"))
    assert travelled(earlier).node == "prepare"
    failed = travelled(NodeError(many))
    assert (str(failed), failed.executions.manifests) == ("node 'prepare' failed", ())


def test_the_group_of_a_generated_file_loads_where_the_file_is_not(monkeypatch):
    module = types.ModuleType("generated_file_of_tests")
    monkeypatch.setitem(sys.modules, module.__name__, module)

    exec(GENERATED, vars(module))  # noqa: S102 - as an import does
    cloudpickle.register_pickle_by_value(module)
    try:
        content = cloudpickle.dumps(module.TrainGrid(rate=0.2))
    finally:
        cloudpickle.unregister_pickle_by_value(module)
    done = subprocess.run([sys.executable, "-c", LOAD], input=content, capture_output=True, check=False)
    assert done.stdout.decode().split() == ["train", "{'rate':", "0.2}"], done.stderr.decode()
