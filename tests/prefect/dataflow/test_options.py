"""Test that nodes stay nodes when somebody changes their options, and that names reach Prefect on one line."""

import pytest

pytest.importorskip("prefect")

from prefect_plugin import branch, execution_node, parallel_node, step_node, task_node
from prefect_plugin.tasks.display_names import flat
from translator.shim import Step
from translator.targets.prefect.flow import title_of

STEP = step_node(Step(name="one", command="true", dialect="magnus", returns=["x"]))
BRANCH = branch("left", nodes=[STEP])(lambda last: last)
TASKS = [
    execution_node(name="a node", on_error="retry", retries=2, joins=True)(lambda: None),
    task_node(name="a grid", on_child_error="continue-and-error")(list),
    STEP,
    BRANCH,
    parallel_node("both", branches={"left": BRANCH})(lambda last: []),
]


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_options_keep_the_task(task):
    changed = task.with_options(name="other", tags=["gpu"], timeout_seconds=5)

    assert type(changed) is type(task)
    assert (changed.name, changed.tags, changed.timeout_seconds) == ("other", {"gpu"}, 5)
    assert (task.tags, task.timeout_seconds) != (changed.tags, changed.timeout_seconds)
    assert changed.retries == task.retries
    own = {"plan", "joins", "place", "node", "kind", "branches", "returns", "nodes"} & {*vars(task), *vars(type(task))}
    assert own
    assert {name: getattr(changed, name) for name in own} == {name: getattr(task, name) for name in own}


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("train", "train"),
        ("two\nlines\n", "two lines"),
        (" a \t tab\r\n", "a tab"),
        ("bell\x07\x1b[31m", "bell  [31m"),
        ("\u202eright to left", "right to left"),
        ("\n", "_"),
        ("ÄÖÜ 模型", "ÄÖÜ 模型"),
    ],
)
def test_a_name_is_on_one_line(name, shown):
    assert flat(name) == shown


def test_the_title_of_a_flow_is_on_one_line():
    assert title_of("Two\nlines\n") == "Two lines"
    assert title_of("as it  is") == "as it  is"
    assert title_of("a\x00b").startswith("a b ")
    assert title_of("a/b").startswith("a-b ")
    assert title_of("\n").isprintable()
    assert title_of("\n")
