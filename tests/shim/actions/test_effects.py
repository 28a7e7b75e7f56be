"""Test which actions take effect, and what people see who decide about an approval."""

import json

import pytest

from translator.shim.actions.effects import (
    Decision,
    Fired,
    Seen,
    UndecidedError,
    approval_given,
    ending,
    fire,
    from_documents,
)
from translator.shim.actions.review import ROWS, Reviewed, markdown
from translator.shim.contract import Action, State

APPROVAL = Action(when="node-complete", then=["require-approval", "error-pipeline"])


def fired(*actions, executions=(), decide=None):
    warnings = []
    options = {} if decide is None else {"decide": lambda: decide}
    return fire(actions, "node-complete", executions, lambda *args: warnings.append(args), **options), warnings


def test_warnings_say_what_cannot_be_evaluated():
    action = Action(when="node-complete", condition="metadata.x < 1", then="stop-pipeline")
    effects, warnings = fired(action, executions=[Seen(), Seen()])
    assert effects == ()
    assert [args[1:] for args in warnings] == [("'metadata.x < 1': there is no metadata.x",)]


def test_an_approval_that_nobody_has_decided():
    with pytest.raises(UndecidedError):
        fired(APPROVAL)


def test_decisions():
    effects, _ = fired(APPROVAL, decide=Decision(approved=True, by="ann"))
    assert [one.then for one in effects] == ["require-approval", "error-pipeline"]
    assert ending(effects).ends is State.ERROR
    effects, _ = fired(APPROVAL, decide=Decision(approved=False))
    assert [one.then for one in effects] == ["require-approval"]
    assert ending(effects).ends is State.STOPPED
    assert str(effects[0]) == "require-approval (rejected) at node-complete"


@pytest.mark.parametrize(
    "one",
    [
        Fired("node-error", "noop", ("metadata.x > 1",)),
        Fired("node-starting", "require-approval", (), Decision(approved=False)),
        Fired("node-starting", "require-approval", (), Decision(approved=True, by="ann")),
    ],
)
def test_documents_are_read_as_they_are_written(one):
    assert from_documents(json.loads(json.dumps([one.document()]))) == (one,)


def test_approvals_of_a_local_run():
    assert approval_given("a", None) is None
    assert approval_given("a", '["b"]') is None
    assert approval_given("a", '["b", "a"]') == Decision(approved=True)


def test_what_a_person_sees():
    hostile = {"note": "a | b `c`\n# x", "long": "x" * 500, "list": [1, float("nan")]}
    text = markdown([Reviewed("train", 1, {"rate": 0.1}, hostile, [("model.pkl", 2048)])])
    lines = text.splitlines()
    assert lines[0] == "| node | execution | parameters | metadata |"
    assert lines[2].startswith("| `train` | `1` | `rate = 0.1` | `note = a / b 'c' # x, long = xxx")
    assert lines[2].count("|") == 5
    assert len(lines[2]) < 250
    assert "| `train` | `1` | `model.pkl` | `2.0 KiB` |" in lines


def test_long_tables_are_cut():
    text = markdown([Reviewed("train", index) for index in range(ROWS + 5)])
    assert text.endswith("\n\n5 more.")
    assert markdown([]) == "No execution before this has a result."
