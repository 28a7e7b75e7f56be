"""Check how the actions of nodes are read, and what is wrong with them."""

import pytest

from tests.dialects.valohai.marks import STEPS, check
from translator.ir import Effect, Event
from translator.load import load_text


def of_node(actions, kind="type: execution, step: use"):
    return (
        f"{STEPS}- pipeline:\n    name: P\n    nodes:\n"
        "      - {name: m, type: execution, step: make}\n"
        f"      - name: n\n        {kind.replace(', ', chr(10) + '        ')}\n        actions:\n"
        + "".join(f"          {line}\n" for line in actions.splitlines())
        + "    edges:\n      - [m.output.*, n.input.data]\n"
    )


CASES = [
    "- {when: node-complete, if: metadata.accuracy < 0.9, then: stop-pipeline}",
    "- {when: [node-starting, node-error], then: [noop, error-pipeline]}",
    "- {when: Node-Complete, if: [metadata.val-acc < 0.9, parameter.rate > 0.1], then: noop}",
    "- {when: node-complete, if: 'not metadata.ok and abs(metadata.class) > 1', then: noop}",
    "- {when: node-done, then: noop} #! error bad-value",
    "- {when: node-complete, then: stop-pipelines} #! error bad-value",
    "- {when: node-complete, then: Noop} #! error bad-value",
    "- {when: node-starting, then: require-approval}",
    "- {when: node-complete, then: noop, iff: x} #! error unknown-key",
    "- {when: node-complete} #! error missing-key",
    "- {when: 3, then: noop} #! error bad-type",
    "- {when: node-complete, if: accuracy < 0.9, then: noop} #! error bad-condition",
    "- {when: node-complete, if: metadata.x <, then: noop} #! error bad-condition",
    "- {when: node-complete, if: 0 < metadata.x < 3, then: noop} #! error bad-condition",
    "- {when: node-complete, if: 'metadata[1]', then: noop} #! error bad-condition",
    "- {when: node-complete, if: metadata.x == true, then: noop} #! error bad-condition",
    "- {when: node-complete, if: len(metadata.x) > 2, then: noop} #! error bad-condition",
    "- {when: node-complete, if: metadat.x > 2, then: noop} #! error bad-condition",
    "- {when: node-complete, if: __import__('os').system('true'), then: noop} #! error bad-condition",
    "- {when: node-complete, if: parameter.rat > 2, then: noop} #! error unknown-parameter",
    "- {when: node-starting, if: metadata.x > 2, then: noop} #! warning no-metadata",
    "- {when: [node-complete, node-starting], if: not metadata.x, then: noop} #! warning no-metadata",
    "- {when: node-starting, if: [parameter.rate < 1, metadata.x > 2], then: noop} #! warning no-metadata",
    "- {when: node-starting, if: metadata.x < parameter.rat, then: noop} #! error unknown-parameter",
    "- {when: node-starting, if: parameter.rate < 1, then: noop}",
    "- {when: node-complete, then: [stop-pipeline, noop]} #! warning no-effect",
    "- {when: [], then: noop} #! warning no-effect",
    "- {when: node-complete, then: []} #! warning no-effect",
]


@pytest.mark.parametrize("actions", CASES)
def test_actions(actions):
    check(of_node(actions))


def test_all_actions_are_checked():
    check(
        of_node(
            "- when: [node-complete,\n"
            "    node-errors] #! error bad-value\n"
            "  if:\n"
            "    - metadata.a > 1\n"
            "    - metadata.a >  #! error bad-condition\n"
            "  then: noop\n"
            "- {when: node-error, then: noop}"
        ).replace("    - metadata.a >  #! error bad-condition\n", "    - metadata.a > 2\n")
    )


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("accuracy < 1", "did you mean 'metadata.accuracy'?"),
        ("rate < 1", "did you mean 'parameter.rate'?"),
        ("metadata.x == true", "did you mean True?"),
        ("metdata.x == 1", "did you mean 'metadata'?"),
        ("parameter.rats == 1", "did you mean 'rate'?"),
    ],
)
def test_hints(word, hint):
    found = load_text(of_node(f"- {{when: node-complete, if: {word}, then: noop}}")).diagnostics.found
    assert hint in [one.hint for one in found]


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ("metadata.x is None", "always holds"),
        ("not metadata.x", "always holds"),
        ("metadata.x is not None", "never holds"),
        ("metadata.x > 2", "never holds"),
        ("metadata.x is None and parameter.rate < 0.5", "holds with the default parameters"),
        ("metadata.x is None and parameter.rate > 0.5", "does not hold with the default parameters"),
    ],
)
def test_metadata_is_missing_when_a_node_starts(condition, verdict):
    text = of_node(f"- {{when: node-starting, if: {condition}, then: stop-pipeline}}")
    (found,) = [one for one in load_text(text).diagnostics if one.code == "no-metadata"]
    assert found.message == f"metadata is always missing at 'node-starting': there, {condition!r} {verdict}"


def test_hint_for_an_event():
    found = load_text(of_node("- {when: node-completed, then: noop}")).diagnostics.found
    assert "did you mean 'node-complete'?" in [one.hint for one in found]


def test_the_order_of_the_file_is_kept():
    text = of_node(
        "- {when: [node-error, node-complete], if: [metadata.a > 1, metadata.b > 1], then: [noop, stop-pipeline]}\n"
        "- {when: NODE-STARTING, then: error-pipeline}",
        "type: task, step: use",
    )
    (_, node) = load_text(text).choose().nodes
    first, second = node.policy.actions
    assert (first.when, first.then) == ((Event.ERROR, Event.COMPLETE), (Effect.NOOP, Effect.STOP_PIPELINE))
    assert first.conditions == ("metadata.a > 1", "metadata.b > 1")
    assert (second.when, second.then, second.conditions) == ((Event.STARTING,), (Effect.ERROR_PIPELINE,), ())
