"""Test that findings of Valohai's linter are in our words: names in single quotes, no upper case, no backticks."""

import pytest

from translator.load import load_text

TEXT = """\
- step:
    name: s
    image: i
    command: date
    {step}
    parameters: [{{name: a, type: integer, default: 1{parameter}}}]
- task: {{name: t, step: s{task}}}
{item}
- pipeline: {{name: P, nodes: [{{name: n, type: execution, step: s}}], edges: []}}
"""
MESSAGES = [
    ({"task": ", parameter-sets: [{a: 1}]"}, "'parameter-sets' has no effect, because", "write type: manual_search"),
    (
        {"task": ", parameters: [], optimization-target-metric: x"},
        "'optimization-target-metric' has no effect, because",
        "remove it",
    ),
    (
        {"step": "runtime-config-preset: x"},
        "'runtime-config-preset' needs an 'environment'",
        "set 'environment' as well",
    ),
    (
        {"parameter": ", pass-true-as: x"},
        "step 's', parameter 'a': 'pass-true-as' has no effect on non-flag parameters",
        None,
    ),
    (
        {"step": "stop-condition: 2 ** 9 > n"},
        "step 's', 'stop-condition' is not a valid expression: Binary operator Pow is not allowed",
        None,
    ),
    ({"item": "- deployment: {name: d}"}, "deployment 'd' has no 'defaults.target'", None),
]


@pytest.mark.parametrize(("parts", "message", "hint"), MESSAGES)
def test_messages(parts, message, hint):
    text = TEXT.format(**{"step": "icon: x", "parameter": "", "task": "", "item": "", **parts})
    found = [one for one in load_text(text).diagnostics if one.message.startswith(message)]
    assert [one.hint for one in found] == [hint], list(map(str, load_text(text).diagnostics))
