"""Run a pipeline whose inputs get their files when the run starts, on both engines, as the form's names give them."""

import pytest

from tests.parity.compare import check
from tests.parity.engines import run_on_all
from tests.parity.test_cases import Node, scenario

OUTSIDE = "/etc/hostname"
NEEDED = [{"name": "data"}]
DEFAULT = [{"name": "data", "default": "data.csv"}, {"name": "aside", "optional": True}]
FILES = {
    "needed": ["data/data.csv"],
    "kept": ["data/data.csv"],
    "given": ["aside/data.csv", "aside/deep.csv", "data/deep.csv"],
    "many": ["data/deep.csv"],
    "added": ["data/deep.csv", "data/out-0-0.txt"],
    "replaced": ["data/out-0-0.txt"],
}


@pytest.fixture(scope="module")
def runs(engines, tmp_path_factory):
    nodes = [
        Node("needed", inputs=NEEDED),
        Node("kept", inputs=DEFAULT),
        Node("given", inputs=DEFAULT),
        Node("many", width=2, inputs=DEFAULT),
        Node("added", inputs=DEFAULT, more={"edge-merge-mode": "append"}),
        Node("replaced", inputs=DEFAULT),
        Node("outside", "continue", inputs=DEFAULT),
    ]
    edges = ["needed.output.* -> added.input.data", "needed.output.* -> replaced.input.data"]
    values = {
        "needed.inputs.data": ["data.csv"],
        "given.inputs.data": ["more/deep.csv"],
        "given.inputs.aside": ["*.csv", "more/*"],
        "many.inputs.data": ["more/deep.csv"],
        "added.inputs.data": ["more/deep.csv"],
        "outside.inputs.data": [OUTSIDE],
    }
    # For the specification, what a worker may not read does not exist.
    given = scenario(nodes, edges, values=values, missing=[OUTSIDE])
    ran = run_on_all(engines, given, tmp_path_factory.mktemp("launch"))
    check(ran)
    return ran


@pytest.mark.parametrize("node", FILES)
def test_files_of_inputs(runs, node: str) -> None:
    for ran in runs:
        assert ran.document["state"] == "complete"
        for execution in ran.document["nodes"][node]["executions"]:
            text = (ran.folder / node / str(execution["index"]) / "try-1/outputs").glob("out-*")
            lines = next(iter(text)).read_text().splitlines()
            assert [line.removeprefix(" file ") for line in lines if line.startswith(" file ")] == FILES[node]


def test_a_file_outside_the_project_is_refused(runs) -> None:
    for ran in runs:
        (execution,) = ran.document["nodes"]["outside"]["executions"]
        assert execution["state"] == "error"
        assert f"input 'data': {OUTSIDE} is outside the project; to allow it, list" in execution["reason"]


def test_a_run_without_a_required_input_is_refused(engines, tmp_path) -> None:
    for engine in engines:
        with pytest.raises(AssertionError, match=r"needed.inputs.data|needed_inputs"):
            run_on_all([engine], scenario([Node("needed", inputs=NEEDED)], []), tmp_path / engine.name)
