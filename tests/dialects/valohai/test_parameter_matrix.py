"""Check that parameters are accepted or rejected as by the vendor, and that every generated DAG can be triggered."""

import pytest

from tests.parameters import DEFAULTS, cases, document
from translator.load import load_text
from translator.targets import airflow, prefect

CASES = cases()
ACCEPTED = [case for case in CASES if case.accepted]
REFUSED = [case for case in CASES if not case.accepted]


def test_the_table_has_both_kinds():
    assert len(ACCEPTED) > 200
    assert len(REFUSED) > 200


def test_what_the_vendor_accepts_is_accepted():
    loaded = load_text(document(ACCEPTED))
    assert loaded.diagnostics.ok, "\n".join(str(found) for found in loaded.diagnostics if found.severity == "error")


@pytest.mark.parametrize("target", [airflow, prefect], ids=lambda target: target.NAME)
def test_accepted_defaults_can_be_written_for_every_engine(target):
    (pipeline,) = load_text(document(ACCEPTED)).pipelines
    assert target.generate(pipeline)


def test_vendor_errors_have_a_location():
    text = "".join(
        f"- step: {{name: {case.name}, image: x, command: 'true', parameters: [\n{entry(case)}]}}\n" for case in REFUSED
    )
    nodes = "".join(f"    - {{name: {case.name}, type: execution, step: {case.name}}}\n" for case in REFUSED)
    text += f"- pipeline:\n    name: p\n    edges: []\n    nodes:\n{nodes}"
    places = {2 * number + 2: case for number, case in enumerate(REFUSED)}
    found = {error.span.line for error in load_text(text).diagnostics if error.code in ("bad-default", "bad-value")}
    assert [(case.definition, case.default) for line, case in places.items() if line not in found] == []


def entry(case):
    import json

    return json.dumps({"name": case.name, **case.definition, "default": case.default})


def test_every_default_is_in_the_table_more_than_once():
    assert len(CASES) % len(DEFAULTS) == 0
