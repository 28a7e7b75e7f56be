"""Test what the plugin derives from a DAG: its nodes, and which task stops which."""

from __future__ import annotations

import json
import runpy
import sys
from typing import TYPE_CHECKING, Any

import pytest

from tests.airflow.pipelines import OK, Node, pipeline
from tests.targets.test_hostile_names import loaded
from translator import ir
from translator.load import load_text
from translator.targets import airflow

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import FrameType

pytest.importorskip("airflow.sdk")


@pytest.fixture
def dag_of(tmp_path: Path) -> Any:
    """Return a function that creates the DAG of nodes, as its file does."""

    def make(*nodes: Node) -> Any:
        file = tmp_path / "dag.py"
        file.write_text(airflow.generate(pipeline(*nodes)))
        return runpy.run_path(str(file))["dag"]

    return make


def test_the_nodes_of_a_dag_are_those_of_the_pipeline(dag_of: Any) -> None:
    from airflow_plugin.dag.nodes import nodes

    found = nodes(
        dag_of(
            Node("first one"),
            Node("many", [OK, OK], "continue", after=["first one"]),
            Node("gated", OK, "continue"),
            Node("last", OK, "stop-next", after=["many", "gated"]),
        )
    )
    assert list(found) == ["first one", "many", "gated", "last"]
    assert {name: (node.kind, node.on_error, node.run, node.upstream) for name, node in found.items()} == {
        "first one": ("execution", "stop-all", "first_one", ()),
        "many": ("task", "continue", "many.run", ("first one",)),
        "gated": ("execution", "continue", "gated.run", ()),
        "last": ("execution", "stop-next", "last", ("many", "gated")),
    }
    assert found["many"].tasks == ("many.grid", "many.run", "many.done")


@pytest.mark.parametrize("word", ["grid", "run", "done", "finish", "dag", "A-b", "ask_1", "run_2", "number"])
@pytest.mark.parametrize("dialect", ["valohai", "loom"])
def test_nodes_named_like_our_own_tasks(word: str, dialect: str, tmp_path: Path) -> None:
    """Also in a group of Loom, which has the name of its step."""
    from airflow_plugin.dag.nodes import nodes

    made = loaded(dialect, word, tmp_path).choose()
    file = tmp_path / "dag.py"
    file.write_text(airflow.generate(made))
    found = nodes(runpy.run_path(str(file))["dag"])
    assert list(found) == [node.name for node in made.nodes]
    assert {name: (node.kind, bool(node.grid)) for name, node in found.items()} == {
        node.name: ("task", True) if isinstance(node, ir.TaskNode) else ("execution", False) for node in made.nodes
    }


def test_nodes_keep_the_order_of_the_source_file(dag_of: Any) -> None:
    """A DAG file defines a node before those that refer to it; ``run.json`` lists them as the source file does."""
    from airflow_plugin.dag.nodes import nodes

    dag = dag_of(Node("last", after=["many", "first"]), Node("many", [OK, OK], after=["first"]), Node("first"))
    assert next(task.task_id for task in dag.tasks) == "first"
    found = nodes(dag)
    assert list(found) == ["last", "many", "first"]
    assert found["last"].upstream == ("many", "first")
    assert [node["name"] for node in json.loads(dag.get_task("finish").plan)["nodes"]] == ["last", "many", "first"]


def test_an_added_node_belongs_to_the_pipeline_although_finish_does_not_list_it(dag_of: Any) -> None:
    from airflow_plugin.dag.nodes import nodes

    dag = dag_of(Node("last", after=["many", "first"]), Node("many", [OK, OK], after=["first"]), Node("first"))
    dag.get_task("finish").nodes = ("last", "first")
    dag.get_task("first").nodes = ("worker-1",)  # what an operator of somebody else may call its machines
    found = nodes(dag)
    assert list(found) == ["last", "first", "many"]
    assert found["last"].upstream == ("first", "many")


def calls(action: Callable[[], object]) -> int:
    """Count the Python functions that an action calls, which does not depend on the load of the machine."""
    count = 0

    def counted(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(counted)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


def controlflow_chain(count: int) -> Any:
    names: dict[str, Any] = {"__file__": "controlflow.py"}
    steps = [f"n{i}: {{type: stub, next: {f'n{i + 1}' if i < count - 1 else 'success'}}}" for i in range(count)]
    ends = ["success: {type: success}", "fail: {type: fail}"]
    text = "\n    ".join(["dag:\n  start_at: n0\n  steps:", *steps, *ends])
    exec(airflow.generate(load_text(text, "p.yaml", dialect="magnus").choose()), names)  # noqa: S102
    return names["dag"]


def test_a_task_reads_its_dag_once_and_in_linear_time(dag_of: Any) -> None:
    from airflow_plugin.controlflow.structure import read
    from airflow_plugin.dag.nodes import nodes
    from airflow_plugin.run.stopping import stopping_tasks

    def chain(count: int) -> Any:
        return dag_of(*(Node(f"n{i}", after=[f"n{i - 1}"] if i else []) for i in range(count)), Node("aside", [OK, OK]))

    small, large = chain(25), chain(100)
    for look in (nodes, lambda dag: stopping_tasks(dag, "n10")):
        first = calls(lambda: look(small))  # noqa: B023
        assert calls(lambda: look(large)) < 5 * first  # noqa: B023
    assert nodes(large) is nodes(large)
    small, large = controlflow_chain(25), controlflow_chain(100)
    assert calls(lambda: read(large)) < 5 * calls(lambda: read(small))
    root = read(large)
    assert root is read(large)
    assert calls(lambda: root.next("n50", "complete")) == calls(lambda: root.next("n1", "complete"))


def test_a_long_way_back_to_a_scope_does_not_recurse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person may mark any number of steps as a success that have left nothing."""
    from airflow_plugin.controlflow.progress import Run
    from airflow_plugin.controlflow.queries import TaskQueries

    class Nothing:
        dag_id, run_id, map_index = "p", "r", -1

        def xcom_pull(self, **_: object) -> None:
            return None

    monkeypatch.setenv("TRANSLATOR_STORE", str(tmp_path))
    context: Any = {
        "ti": Nothing(),
        "dag": controlflow_chain(sys.getrecursionlimit()),
        "params": {"x": 1},
        "run_id": "r",
    }
    run = Run(TaskQueries(context), "magnus")
    assert run.scope_before((f"n{sys.getrecursionlimit() - 1}",)) == run.initial_scope(())


def test_a_chain_asks_nothing(dag_of: Any) -> None:
    from airflow_plugin.run.stopping import stopping_tasks

    dag = dag_of(Node("a"), Node("b", after=["a"]), Node("c", after=["b"]))
    assert [stopping_tasks(dag, task) for task in ("a", "b", "c")] == [{}, {}, {}]


def test_a_failed_node_stops_the_right_tasks(dag_of: Any) -> None:
    from airflow_plugin.run.stopping import stopping_tasks

    dag = dag_of(
        Node("strict"),
        Node("many", [OK, OK]),
        Node("lenient", [OK, OK], "continue"),
        Node("verdict", [OK, OK], "stop-all", "continue-and-error"),
        Node("siblings", [OK, OK], "stop-next", "stop-all-and-error"),
        Node("after", after=["strict"]),
    )
    everybody = {
        "strict": "node 'strict' failed",
        "many.grid": "node 'many' failed",
        "many.run": "an execution of 'many' failed",
        "verdict.done": "node 'verdict' failed",
        "after": "node 'after' failed",
    }

    def without(*tasks: str) -> dict[str, str]:
        return {task: reason for task, reason in everybody.items() if task not in tasks}

    assert stopping_tasks(dag, "lenient.run") == everybody
    assert stopping_tasks(dag, "strict") == without("strict", "after")
    assert stopping_tasks(dag, "after") == without("strict", "after")
    assert stopping_tasks(dag, "many.run") == without("many.grid"), "an execution is stopped by its siblings"
    assert stopping_tasks(dag, "many.grid") == without("many.grid", "many.run")
    assert stopping_tasks(dag, "verdict.run") == without("verdict.done")
    assert stopping_tasks(dag, "siblings.run") == everybody | {"siblings.run": "an execution of 'siblings' failed"}


def test_the_first_param_that_has_a_value_counts() -> None:
    from airflow_plugin.parameters.dag_params import dag_param, run_values

    params = {"a": None, "b": 0, "c": [1, 2], "d": ""}
    given = {"x": dag_param("a", "b"), "y": dag_param("a"), "z": 7, "w": dag_param("c", "b"), "v": dag_param("d", "b")}
    assert run_values(given, params) == {"x": 0, "z": 7, "w": [1, 2], "v": ""}


def test_the_metadata_of_the_provider_is_valid() -> None:
    import json
    from importlib import import_module
    from pathlib import Path as File

    import airflow as package
    import jsonschema

    from airflow_plugin.provider import get_provider_info

    info = get_provider_info()
    schema = json.loads((File(package.__file__).parent / "provider_info.schema.json").read_text())
    jsonschema.validate(info, schema)
    for link in info["extra-links"]:
        module, _, name = link.rpartition(".")
        assert hasattr(import_module(module), name)
    languages = {"Loom", "Magnus", "Valohai", "runnable"}
    assert {one["integration-name"] for one in info["integrations"]} == languages
    assert {one["integration-name"] for one in info["operators"]} == languages
    for module in (module for one in info["operators"] for module in one["python-modules"]):
        import_module(module)


def test_unknown_conf_keys_are_reported() -> None:
    from airflow_plugin.parameters.run_conf import described

    declared = ["train.learning_rate", "train.batch", "seed"]
    assert described(["seed", "_note"], declared) is None
    assert described(["sed"], declared) == "the pipeline has no parameter 'sed'; did you mean 'seed'?"
    assert described(["Learning_Rate"], declared) == (
        "the pipeline has no parameter 'Learning_Rate'; did you mean 'train.learning_rate'?"
    )
    listed = "its parameters are: 'train.learning_rate', 'train.batch', 'seed'"
    assert described(["epochs", "x"], declared) == (
        f"the pipeline has no parameter 'epochs'; {listed}; the pipeline has no parameter 'x'; {listed}"
    )
    assert described(["x"], []) == "the pipeline has no parameter 'x'; it has no parameters"
