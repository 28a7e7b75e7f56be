"""Test Prefect's parameter form: what a person can set for a run, and what the server refuses."""

import pytest

pytest.importorskip("prefect")

from prefect import get_client
from prefect.exceptions import PrefectHTTPStatusError
from prefect.utilities.callables import parameter_schema

from prefect_plugin import NodeParameters
from prefect_plugin.embedded.arguments import ArgumentError, arguments_of
from tests.prefect.support import compiled, flow_of
from translator.targets.prefect import reserved

TEXT = """
- step:
    name: train
    image: none
    command: "true"
    parameters:
      - {name: learning rate, type: float, default: 0.1, min: 0, max: 1, description: "How fast {x} it \\"learns\\""}
      - {name: colour, choices: [red, blue], default: red}
      - {name: size, type: integer, default: 3, choices: [1, 3]}
      - {name: share, type: float, default: 0.5, choices: [0.25, 0.5]}
      - {name: fast, type: flag, default: true}
      - {name: tags, multiple: repeat, default: [a, b]}
      - {name: note, optional: true}
      - {name: epochs, default: 5}
      - {name: copy, default: x}
      - {name: list, default: y}
- pipeline:
    name: form
    parameters:
      - {name: all-rates, targets: [grid.parameters.learning rate, single.parameters.learning rate], default: 0.2}
      - {name: rounds, target: other.parameters.size}
    nodes:
      - {name: single, type: execution, step: train}
      - {name: grid, type: task, step: train}
      - {name: other, type: execution, step: train}
    edges: []
"""


@pytest.fixture(scope="module")
def flow(tmp_path_factory):
    return flow_of(compiled(TEXT, tmp_path_factory.mktemp("form")))


@pytest.fixture(scope="module")
def schema(flow):
    return parameter_schema(flow).model_dump()


def field(schema, group, name):
    return schema["definitions"][group]["properties"][name]


@pytest.mark.parametrize(
    ("name", "single", "grid"),
    [
        (
            "colour",
            {"enum": ["red", "blue"], "default": "red"},
            {"items": {"enum": ["red", "blue"]}, "default": ["red"]},
        ),
        ("size", {"enum": [1, 3], "default": 3}, {"items": {"enum": [1, 3]}, "default": [3]}),
        ("share", {"enum": [0.25, 0.5], "default": 0.5}, {"items": {"enum": [0.25, 0.5]}, "default": [0.5]}),
        ("fast", {"type": "boolean", "default": True}, {"items": {"type": "boolean"}, "default": [True]}),
        ("tags", {"items": {"type": "string"}}, {"items": {"type": "array"}, "default": [["a", "b"]]}),
        ("epochs", {"default": 5}, {"default": [5]}),
        ("copy", {"type": "string", "default": "x"}, {"default": ["x"]}),
        ("list", {"type": "string", "default": "y"}, {"default": ["y"]}),
    ],
)
def test_a_parameter_is_a_value_of_an_execution_node_and_an_axis_of_a_task_node(schema, name, single, grid):
    def contains(found, wanted):
        return all(
            contains(found[key], value) if isinstance(value, dict) else found[key] == value
            for key, value in wanted.items()
        )

    assert contains(field(schema, "SingleParameters", name), single)
    assert contains(field(schema, "GridGrid", name), grid | {"type": "array", "minItems": 1})


def test_bounds_descriptions_and_names_as_the_file_spells_them(schema):
    rate = field(schema, "OtherParameters", "learning rate")
    assert (rate["minimum"], rate["maximum"], rate["default"]) == (0, 1, 0.1)
    assert rate["description"] == 'How fast {x} it "learns"'
    assert "learning rate" not in schema["definitions"]["SingleParameters"]["properties"], (
        "a pipeline parameter sets it"
    )
    assert "size" not in schema["definitions"]["OtherParameters"]["properties"]
    assert schema["properties"]["all_rates"]["description"] == "Sets `grid.learning rate`, `single.learning rate`."


def test_the_server_validates_runs_against_the_form(server, flow, tmp_path):
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            flow_id=client.create_flow(flow),
            name="form",
            entrypoint="form_flow.py:form",
            parameter_openapi_schema=parameter_schema(flow).model_dump_for_openapi(),
            enforce_parameter_schema=True,
        )
        good = {"all_rates": [0.3], "grid": {"size": [1, 3], "epochs": ["many"]}, "single": {"fast": False}}
        assert client.create_flow_run_from_deployment(deployment, parameters=good).parameters["grid"] == good["grid"]
        wrong = [{"all_rates": 7}, {"grid": {"size": [2]}}, {"single": {"unknown": 1}}]
        for bad in (*wrong, {"all_rates": []}, {"grid": {"size": []}}):
            with pytest.raises(PrefectHTTPStatusError):
                client.create_flow_run_from_deployment(deployment, parameters=bad)


@pytest.mark.parametrize(
    ("values", "arguments"),
    [
        ({"all-rates": 0.5}, {"all_rates": 0.5}),
        ({"rounds": 3}, {"rounds": 3}),
        ({"single.colour": "blue", "single.copy": "z"}, {"single": {"colour": "blue", "copy": "z"}}),
        ({"grid.size": 1, "grid.fast": [True, False]}, {"grid": {"size": [1], "fast": [True, False]}}),
        ({"other.learning rate": 0.5}, {"other": {"learning rate": 0.5}}),
    ],
)
def test_values_by_the_names_of_the_file(flow, values, arguments):
    assert arguments_of(flow, values) == arguments
    flow.validate_parameters(arguments)


@pytest.mark.parametrize("name", ["single.unknown", "unknown", "unknown.colour", "other.size", "all_rates"])
def test_the_error_names_a_value_that_the_flow_does_not_accept(flow, name):
    with pytest.raises(ArgumentError, match=name):
        arguments_of(flow, {name: 1})


def test_no_field_can_hide_an_attribute_of_its_group():
    class Empty(NodeParameters, node="empty"):
        pass

    assert {name for name in dir(Empty) if not name.startswith("_")} <= reserved.FIELDS


LAUNCH = """
- step:
    name: read
    image: none
    command: "true"
    inputs: [{name: the data}, {name: more, default: [a.csv], description: Others.}, {name: labels, optional: true}]
- pipeline: {name: launch, nodes: [{name: read, type: execution, step: read}], edges: []}
"""


def test_the_server_validates_the_files_of_inputs(server, tmp_path):
    flow = flow_of(compiled(LAUNCH, tmp_path))
    form = parameter_schema(flow)
    assert form.model_dump()["required"] == ["read_inputs"]
    files = {"items": {"type": "string"}, "minItems": 1, "type": "array"}
    assert {**field(form.model_dump(), "ReadInputs", "more")} == {
        **files,
        "title": "more",
        "default": ["a.csv"],
        "description": "Others.",
    }
    assert arguments_of(flow, {"read.inputs.the data": ["b.csv"]}) == {"read_inputs": {"the data": ["b.csv"]}}
    with get_client(sync_client=True) as client:
        deployment = client.create_deployment(
            flow_id=client.create_flow(flow),
            name="launch",
            entrypoint="launch_flow.py:launch",
            parameter_openapi_schema=form.model_dump_for_openapi(),
            enforce_parameter_schema=True,
        )
        good = {"read_inputs": {"the data": ["s3://a/b"], "labels": None}}
        assert client.create_flow_run_from_deployment(deployment, parameters=good).parameters == good
        wrong = [{}, {"read_inputs": {}}, {"read_inputs": {"the data": []}}, {"read_inputs": {"the data": "x"}}]
        for bad in (*wrong, {"read_inputs": {"the data": ["x"], "lables": ["y"]}}):
            with pytest.raises(PrefectHTTPStatusError):
                client.create_flow_run_from_deployment(deployment, parameters=bad)
