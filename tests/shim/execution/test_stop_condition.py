"""Test that a condition on metadata ends a command, and that the execution is complete then."""

import pytest

from translator.shim.actions.conditions import is_met
from translator.shim.contract import State, Step

FOREVER = [
    """n=0; while :; do n=$((n+1)); echo "{\\"loss\\": $((5 - n))}"; echo $n > "$VH_OUTPUTS_DIR/n"; sleep 0.1; done"""
]


def test_the_command_ends_once_its_condition_holds_and_its_outputs_count(worker):
    manifest = worker.run(Step("s", FOREVER, stop_condition="loss < 3"))
    assert manifest.state is State.COMPLETE
    assert manifest.metadata["loss"] < 3
    assert [file.path for file in manifest.outputs] == ["n"]


def test_a_command_that_fails_before_is_an_error(worker):
    manifest = worker.run(Step("s", ["echo '{\"loss\": 5}'; exit 3"], stop_condition="loss < 3"))
    assert manifest.state is State.ERROR


@pytest.mark.parametrize(
    ("condition", "metadata", "holds"),
    [
        ("acc >= 0.9", {"acc": 0.9}, True),
        ("acc >= 0.9", {"acc": 0.8}, False),
        ("acc >= 0.9", {}, False),
        ("val-acc > 1 and epoch > 2", {"val-acc": 2, "epoch": 3}, True),
        ("val.acc > 1", {"val": {"acc": 2}}, True),
        ("acc >= 0.9", {"acc": ["x"]}, False),
        ("acc >= 0.9", {"acc": None}, False),
        ("acc >>> 1", {"acc": 2}, False),
        ("not acc", {}, False),
        ("not acc", {"acc": 0}, True),
        ("acc is None", {}, False),
        ("loss < 1 or acc > 1", {"loss": 0}, False),
        ("loss < 1 or acc > 1", {"loss": 0, "acc": 0}, True),
        ("val-acc > 1 or val.acc > 1", {"val-acc": 2, "val": {"acc": 0}}, True),
        ("class == 'cat'", {"class": "cat"}, True),
        ("{{ acc }} < 1", {"acc": 0}, False),
    ],
)
def test_conditions(condition, metadata, holds):
    assert is_met(condition, metadata) is holds
