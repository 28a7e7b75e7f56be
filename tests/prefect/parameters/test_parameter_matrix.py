"""Check that a flow with any default that the vendor accepts can be called, and keeps each value as written."""

import json

import pytest

pytest.importorskip("prefect")

from prefect.utilities.callables import get_call_parameters, parameter_schema

from tests.parameters import cases, document
from tests.prefect.support import compiled, flow_of
from translator.targets.prefect.reserved import ARGUMENTS


@pytest.fixture(scope="module")
def flow(tmp_path_factory):
    accepted = [case for case in cases() if case.accepted]
    return flow_of(compiled(document(accepted), tmp_path_factory.mktemp("matrix")))


def test_every_accepted_default_is_valid(flow):
    defaults = get_call_parameters(flow.fn, (), {})
    validated = flow.validate_parameters(defaults)
    assert {name: repr(value) for name, value in validated.items()} == {
        name: repr(value) for name, value in defaults.items()
    }


def test_it_is_valid_as_the_ui_sends_it(flow):
    """The form's defaults as JSON, and again what a run is recorded with, as a retry reads it."""
    schema = parameter_schema(flow)
    sent = {name: field["default"] for name, field in schema.properties.items() if "default" in field}
    validated = flow.validate_parameters(json.loads(json.dumps(sent)))
    again = flow.validate_parameters(json.loads(json.dumps(flow.serialize_parameters(validated))))
    assert {name: repr(value) for name, value in again.items()} == {
        name: repr(value) for name, value in validated.items()
    }


RESERVED = """
- step: {{name: s, image: x, command: 'true', parameters: [{parameters}]}}
- pipeline:
    name: reserved
    parameters: [{given}]
    nodes: [{{name: a, type: execution, step: s}}, {nodes}]
    edges: []
"""


@pytest.mark.filterwarnings("ignore:Field .model_:UserWarning")  # it prefers other names, but takes these
def test_names_that_the_engine_needs_itself(tmp_path):
    names = sorted(
        {*ARGUMENTS, "as_subflow", "deferred", "parameters", "model_name", "model_dump_path", "flow", "task"}
    )
    text = RESERVED.format(
        parameters=", ".join(f"{{name: {name}, default: old}}" for name in names),
        given=", ".join(f"{{name: {name}, default: new, targets: [a.parameters.{name}]}}" for name in names),
        nodes=", ".join(f"{{name: {name}, type: execution, step: s}}" for name in names),
    )
    flow = flow_of(compiled(text, tmp_path))
    defaults = get_call_parameters(flow.fn, (), {})
    assert len(defaults) == 2 * len(names)
    assert flow.validate_parameters(defaults) == defaults
