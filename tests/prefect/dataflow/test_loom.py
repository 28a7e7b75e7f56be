"""Test what Prefect shows of a run of Loom: names, tags and states of task runs; how many run at once; a stop."""

from __future__ import annotations

import itertools
import json
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from prefect import State, get_client
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateName,
)
from prefect.client.schemas.objects import StateType

from tests.loom_looks import LOOKS, SLEEPS, STATES, TASK
from tests.oracle.loom.cases import project, step
from tests.prefect.support import flow_of, task_runs, wait_for
from tests.processes import process_of
from translator.load import load
from translator.targets import GenerateOptions
from translator.targets import prefect as target

if TYPE_CHECKING:
    from tests.oracle.loom.projects import Project
    from tests.prefect.fixtures import Server


@dataclass(frozen=True)
class Ran:
    """A run that has ended: its record, and the id of the flow run."""

    record: dict[str, Any]
    flow_run: Any


def written(project: Project, folder: Path) -> Path:
    """Write the flow of a project beside it."""
    pipeline = load(project.write(folder)).choose()
    file = folder / target.file_name(pipeline)
    file.write_text(target.generate(pipeline, GenerateOptions()))
    return file


def run(project: Project, folder: Path, **parameters: Any) -> Ran:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSLATOR_STORE", str(folder / "store"))
        patch.setenv("TRANSLATOR_RUN", "run")
        patch.delenv("TRANSLATOR_PROJECT", raising=False)
        state = flow_of(written(project, folder))(**parameters, return_state=True)
    (record,) = (folder / "store").glob("*/run/run.json")
    return Ran(json.loads(record.read_text()), state.state_details.flow_run_id)


@pytest.fixture(scope="module")
def looks(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(LOOKS, tmp_path_factory.mktemp("looks"))


@pytest.fixture(scope="module")
def shown(looks: Ran) -> dict[str, Any]:
    """Return the task runs by name."""
    return task_runs(looks.flow_run, len(STATES) - 1 + 6)


def test_states_of_nodes(looks: Ran) -> None:
    assert {name: node["state"] for name, node in looks.record["nodes"].items()} == STATES


def test_executions_of_a_loop_are_named_after_their_files(shown: dict[str, Any]) -> None:
    states = {name: run.state.name for name, run in shown.items() if "[" in name}
    assert states == {
        **{f"each[{name}.txt]": "Completed" for name in "abc"},
        "in order[a.txt]": "Completed",
        "in order[b.txt]": "Failed",
        "in order[c.txt]": "Skipped",
    }


def test_a_skipped_node_says_why(shown: dict[str, Any]) -> None:
    said = {name: (run.state.name, run.state.message) for name, run in shown.items()}
    assert said["describe"] == ("Skipped", "this runs only if empty is true")
    assert said["after describe"] == ("Skipped", "an upstream node did not complete")
    assert said["turn_iter1"] == ("Skipped", "this runs only if turns_stop_iter0 is false")
    assert said["in order[c.txt]"] == ("Skipped", "an execution before this one failed")
    assert "draw" not in said  # it is not part of the run


def test_groups_are_tags(shown: dict[str, Any]) -> None:
    tagged = {name: set(run.tags) for name, run in shown.items()}
    assert all("first look" in tagged[name] for name in ("make", "empty", "describe", "each"))
    assert tagged["turn_iter0"] == {"turns iteration 0"}
    assert tagged["all"] == set()


def test_the_form_describes_paths_and_switches(tmp_path: Path) -> None:
    fields = flow_of(written(LOOKS, tmp_path)).parameters.properties
    assert fields["data_v"]["default"] == "source/b.csv"
    assert fields["data_v"]["description"] == "A drawing. Written by draw; read by after draw."
    assert fields["include_draw"]["type"] == "boolean"
    assert fields["include_draw"]["description"] == "Whether the step draw is part of the run."


def spans(record: dict[str, Any], store: Path) -> dict[str, tuple[str, str]]:
    """Return when each node's execution began and ended."""
    found = {}
    for name in record["nodes"]:
        (manifest,) = store.glob(f"*/run/{name}/0/try-1/manifest.json")
        document = json.loads(manifest.read_text())
        found[name] = (document["started"], document["ended"])
    return found


BESIDE = project(
    step("one", {"x": "$a"}, "$p"),
    step("two", {"x": "$a"}, "$q"),
    step("three", {"x": "$p"}, "$r"),
    step("four", {"x": "$a"}, "$s"),
    step("five", {"x": "$q"}, "$t"),
)


def test_one_step_after_another_in_the_order_of_the_file(server: Server, tmp_path: Path) -> None:
    found = list(spans(run(BESIDE, tmp_path).record, tmp_path / "store").items())
    assert [name for name, _ in found] == ["one", "two", "three", "four", "five"]
    for (_, (_, ended)), (_, (started, _)) in itertools.pairwise(found):
        assert ended <= started


MEETS = """import pathlib, sys, time
here = pathlib.Path(__file__).parent
(here / f"met-{sys.argv[-1]}").touch()
others = {"1": "2", "2": "1"}
while sys.argv[-1] in others and not (here / f"met-{others[sys.argv[-1]]}").exists():
    time.sleep(0.01)
"""


def test_at_most_two_steps_run_at_once(server: Server, tmp_path: Path) -> None:
    """The first two end only if they run at once; the others wait though a thread is there for each of them."""
    steps = [{**step(f"s{i}", args={"--number": i}), "task": "tasks/meet.py"} for i in range(1, 6)]
    meeting = project(*steps, execution={"parallel": True, "max_workers": 2})
    meeting = replace(meeting, files={**meeting.files, "tasks/meet.py": MEETS})
    found = spans(run(meeting, tmp_path).record, tmp_path / "store")
    assert found["s1"][0] < found["s2"][1]
    assert found["s2"][0] < found["s1"][1]
    for name, (began, _) in found.items():
        others = [one for one, (started, ended) in found.items() if one != name and started < began < ended]
        assert len(others) < 2, found


def test_a_cancel_ends_the_loop(server: Server, tmp_path: Path) -> None:
    asleep = tmp_path / Path(TASK).parent / "asleep"

    def cancel() -> None:
        wait_for(lambda: asleep.exists() and asleep.read_text(), 120, "the loop to sleep")
        with get_client(sync_client=True) as client:
            (flow,) = client.read_flow_runs(
                flow_filter=FlowFilter(name=FlowFilterName(any_=["loom"])),
                flow_run_filter=FlowRunFilter(state=FlowRunFilterState(name=FlowRunFilterStateName(any_=["Running"]))),
            )
            client.set_flow_run_state(flow.id, State(type=StateType.CANCELLING))

    with ThreadPoolExecutor(1) as aside:
        cancelled = aside.submit(copy_context().run, cancel)  # which server is ours is said in the context
        ran = run(SLEEPS, tmp_path)
        cancelled.result()
    assert process_of(asleep.read_text()) is None
    states = {name: node["state"] for name, node in ran.record["nodes"].items()}
    assert states == {"make": "complete", "sleep": "stopped", "after": "stopped"}
    assert {one["state"] for one in ran.record["nodes"]["sleep"]["executions"]} == {"stopped"}
