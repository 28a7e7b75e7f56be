"""Test ``--approve``: the approvals that a local run gives, and what it says without them."""

import pytest

from translator.cli.approve_option import Approvals, of_run
from translator.cli.exit_status import UsageError
from translator.load import load_text

TEXT = """\
- step: {name: s, image: i, command: date}
- pipeline:
    name: P
    nodes:
      - {name: train, type: execution, step: s}
      - {name: deploy, type: execution, step: s, actions: [{when: node-starting, then: require-approval}]}
      - {name: promote, type: execution, step: s, actions: [{when: node-complete, then: [noop, require-approval]}]}
    edges: []
"""


@pytest.fixture
def plan():
    return load_text(TEXT).choose()


@pytest.mark.parametrize("names", [["all"], ["deploy", "promote"], ["promote", "all"]])
def test_nodes_that_are_approved(plan, names):
    assert of_run(plan, names, at_terminal=False) == Approvals(("deploy", "promote"), asks=False)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "deploy and promote require an approval, .*--approve deploy, or --approve all"),
        (["deploy"], "promote requires an approval"),
        (["train"], "no node 'train' requires an approval"),
        (["deplyo"], "no node 'deplyo' requires an approval; did you mean 'deploy'?"),
    ],
)
def test_what_is_refused(plan, names, message):
    with pytest.raises(UsageError, match=message.replace("?", "\\?")):
        of_run(plan, names, at_terminal=False)


def test_a_pipeline_without_approvals():
    plain = load_text(TEXT.replace("require-approval", "noop")).choose()
    assert of_run(plain, [], at_terminal=False) == Approvals((), asks=False)
    assert of_run(plain, ["all"], at_terminal=True) == Approvals((), asks=False)
    with pytest.raises(UsageError, match="no node 'deploy' requires an approval"):
        of_run(plain, ["deploy"], at_terminal=False)


def test_a_person_at_a_terminal_is_asked_for_the_others(plan):
    assert of_run(plan, [], at_terminal=True) == Approvals((), asks=True)
    assert of_run(plan, ["deploy"], at_terminal=True) == Approvals(("deploy",), asks=True)
    assert of_run(plan, ["all"], at_terminal=True) == Approvals(("deploy", "promote"), asks=False)
