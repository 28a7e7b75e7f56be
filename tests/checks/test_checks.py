"""Test that mistakes are reported before a run: where they are, and all at once."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.dialects.valohai.marks import check
from translator import diagnostics
from translator.checks.commands import scripts
from translator.checks.values import unfit
from translator.graphs import strongly_connected
from translator.load import load_text
from translator.shim.masking import looks_secret

STEP = "- step: {name: s, image: i, command: x, inputs: [{name: in, optional: true}], parameters: [{name: p}]}\n"


def graph(edges: str, names: str = "abcdef", marks: dict[str, str] | None = None) -> str:
    nodes = "".join(
        f"      - {{name: {name}, type: execution, step: s}}{' #! ' + marks[name] if marks and name in marks else ''}\n"
        for name in names
    )
    lines = "".join(f"      - {line}\n" for line in edges.splitlines())
    return f"{STEP}- pipeline:\n    name: P\n    nodes:\n{nodes}    edges:\n{lines}"


def edge(pair: str, mark: str = "") -> str:
    return f"[{pair[0]}.output.*, {pair[1]}.input.in]{' #! ' + mark if mark else ''}"


GRAPHS = [
    ("ab bc", {}, {}),
    ("ab bc cd de ef ad", {}, {}),
    ("aa", {"aa": "error cycle"}, {}),
    ("ab ba", {"ba": "error cycle"}, {}),
    ("ab bc ca", {"ca": "error cycle"}, {}),
    ("ab bc cb cd", {"cb": "error cycle"}, {"d": "warning unreachable-node"}),
    ("ab ba cd dc", {"ba": "error cycle", "dc": "error cycle"}, {}),
    ("ab bc ca be ef", {"ca": "error cycle"}, {"e": "warning unreachable-node", "f": "warning unreachable-node"}),
]


@pytest.mark.parametrize(("pairs", "marked", "nodes"), GRAPHS)
def test_cycles(pairs, marked, nodes):
    check(graph("\n".join(edge(pair, marked.get(pair, "")) for pair in pairs.split()), marks=nodes))


def test_a_cycle_is_named_whole():
    messages = [d.message for d in load_text(graph("\n".join(map(edge, ["ab", "bc", "cd", "da", "ca"])))).diagnostics]
    assert "the nodes form a cycle: 'a' -> 'b' -> 'c' -> 'a'" in messages
    messages = [d.message for d in load_text(graph(edge("aa"))).diagnostics]
    assert "node 'a' depends on itself" in messages


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7))))
def test_strong_components_are_those_that_reach_each_other(pairs):
    below = {str(n): [str(b) for a, b in sorted(pairs) if a == n] for n in range(8)}
    reach = {name: {name} for name in below}
    for _ in below:
        for name, successors in below.items():
            for successor in successors:
                reach[name] |= reach[successor]
    expected = {frozenset(o for o in below if o in reach[n] and n in reach[o]) for n in below}
    assert {frozenset(component) for component in strongly_connected(below)} == expected


def test_a_long_chain_needs_no_deep_stack():
    below = {str(n): [str(n + 1)] if n < 20_000 else [] for n in range(20_001)}
    assert len(strongly_connected(below)) == 20_001


COLLISIONS = [
    ("python x > /valohai/outputs/model.pkl", True),
    ("python x --out=/valohai/outputs/model.pkl --more", True),
    ("python x --out '/valohai/outputs/model.pkl'", True),
    ("cp m $VH_OUTPUTS_DIR/model.pkl", True),
    ('cp m "$VH_OUTPUTS_DIR"/model.pkl', True),
    ("cp m ${VH_OUTPUTS_DIR}/model.pkl; true", True),
    ("cp m /valohai/outputs/model-{parameter-value:lr}.pkl", False),
    ("cp m /valohai/outputs/model-$LR.pkl", False),
    ("cp m /valohai/outputs/model*", False),
    ("mkdir /valohai/outputs/model/", False),
    ("cp m /valohai/outputs/other.txt", False),
    ("python x {parameters}", False),
]
GRID = """\
- step:
    name: s
    image: i
    command:
      {mark}
      - {command!r}
    parameters: [{{name: lr, type: float, default: 1}}]
- step: {{name: use, image: i, command: x, inputs: [{{name: in}}]}}
- task: {{name: blue, step: s, parameters: [{{name: lr, style: multiple, rules: {{items: {items}}}}}]}}
- pipeline:
    name: P
    nodes:
      - {{name: a, type: task, task: blue}}
      - {{name: b, type: execution, step: use}}
    edges: [[a.output.model*, b.input.in]]
"""


@pytest.mark.parametrize(("command", "collides"), COLLISIONS)
def test_outputs_that_collide(command, collides):
    found = load_text(GRID.format(command=command, items="[1, 2]", mark="")).diagnostics
    assert ("colliding-outputs" in [d.code for d in found]) == collides
    one = load_text(GRID.format(command=command, items="[1]", mark="")).diagnostics
    assert "colliding-outputs" not in [d.code for d in one]


FAN_IN = """\
- step: {{name: s, image: i, command: x, parameters: [{{name: p}}, {{name: m, multiple: repeat}}]}}
- task: {{name: blue, step: s, parameters: [{{name: p, style: multiple, rules: {{items: {items}}}}}]}}
- pipeline:
    name: P
    nodes:
      - {{name: grid, type: task, task: blue}}
      - {{name: one, type: execution, step: s}}
      - {{name: next, type: task, step: s}}
    edges:
      - {edge}
"""
FAN_INS = [
    ("[1, 2]", "[grid.metadata.k, one.parameter.p] #! warning ambiguous-fan-in"),
    ("[1, 2]", "[grid.parameter.p, one.parameter.p] #! warning ambiguous-fan-in"),
    ("[1, 2]", "[grid.metadata.k, one.parameter.m]"),
    ("[1, 2]", "[grid.metadata.k, next.parameter.p]"),
    ("[1]", "[grid.metadata.k, one.parameter.p]"),
    ("[1, 2]", "[one.metadata.k, next.parameter.p]"),
]


@pytest.mark.parametrize(("items", "line"), FAN_INS)
def test_several_values_for_a_single_value_are_a_warning(items, line):
    check(FAN_IN.format(items=items, edge=line))


def test_an_edge_wins_over_a_pipeline_parameter():
    text = graph("[a.metadata.k, b.parameter.p]")
    check(f"{text}    parameters:\n      - {{name: q, target: b.parameter.p}} #! warning overridden-parameter\n")


def test_a_required_input_that_nothing_fills():
    steps = "- step: {name: s, image: i, command: x, inputs: [{name: in, default: a.csv}]}\n"
    text = f"""{steps}
- pipeline:
    name: P
    nodes:
      - {{name: a, type: execution, step: s}}
      - name: b
        type: execution
        step: s
        override:
          inputs:
            - name: in #! note required-input
    edges: []
"""
    check(text)
    check(text.replace("edges: []", "edges: [[a.output.*, b.input.in]]").replace(" #! note required-input", ""))


def test_names_that_differ_only_by_punctuation_are_fine():
    loaded = check(
        graph(
            "[a-b.output.*, a_b.input.in]",
            ["a-b", "a b", "a_b"],
            {"a-b": "note similar-names", "a b": "note similar-names"},
        )
    )
    assert [node.name for node in loaded.choose().nodes] == ["a-b", "a b", "a_b"]


SCRIPTS = [
    ("python train.py {parameters}", ["train.py"]),
    ("python3.11 -u src/train.py --x=1", ["src/train.py"]),
    ("./run.sh && python b.py", ["./run.sh", "b.py"]),
    ("bash -e run.sh; python c.py", ["run.sh", "c.py"]),
    ("A=1 python a.py", ["a.py"]),
    ("python -m pkg.mod data.py", []),
    ("python -c 'print(1)' x.py", []),
    ("python {parameter-value:script}", []),
    ("python $HOME/x.py", []),
    ("python /opt/x.py", []),
    ("cd src && python x.py", []),
    ("git clone x && python x/y.py", []),
    ("echo 'unfinished", []),
    ("pip install -r requirements.txt", []),
    ("#!/bin/bash\npython x.py", ["x.py"]),
    ("echo a.py", []),
    ("", []),
]


@pytest.mark.parametrize(("command", "expected"), SCRIPTS)
def test_scripts_of_a_command(command, expected):
    assert list(scripts(command)) == expected


def test_files_that_are_not_in_the_project(tmp_path: Path):
    (tmp_path / "there.py").touch()
    (tmp_path / "there.csv").touch()
    text = """\
- step:
    name: s
    image: i
    command:
      - python there.py
      - python gone.py #! warning missing-script
      - cd elsewhere
      - python anything.py
    inputs:
      - {name: a, default: there.csv}
      - {name: b, default: gone.csv} #! warning missing-file
      - {name: c, default: [gone/*.csv, "https://x/gone", "file:///gone"]}
- pipeline: {name: P, nodes: [{name: n, type: execution, step: s}], edges: []}
"""
    check(text, tmp_path)
    check(text.replace("#! warning missing-script", "").replace("#! warning missing-file", ""))


def test_incomplete_items():
    check("""\
- step:
    name: s
    image: i
    command:
      - if test -e x; then #! warning incomplete-command
      - echo x;
      - fi #! warning incomplete-command
      - nohup sleep 1 &
      - "cat <<E" #! warning incomplete-command
      - |
        for x in 1 2; do  # twice
          echo {parameters} "$(cat <<'E'
          ;;
        E
        )"; done
- step:
    name: single
    image: i
    command: "echo 'it" #! warning incomplete-command
- step:
    name: bash
    image: i
    command: ["#!/bin/bash", "if true; then", "echo", "fi"]
- pipeline:
    name: P
    nodes:
      - {name: n, type: execution, step: s}
      - {name: o, type: execution, step: single}
      - {name: b, type: execution, step: bash}
    edges: []
""")


SECRETS = [
    ("API_KEY", "x", True),
    ("AWS_SECRET_ACCESS_KEY", "x", True),
    ("DB-PASSWORD", "x", True),
    ("token", "x", True),
    ("HF_TOKENS", "x", True),
    ("API_KEY", "", False),
    ("TOKENIZER", "x", False),
    ("MODE", "x", False),
    ("KEYBOARD", "x", False),
]


@pytest.mark.parametrize(("name", "value", "secret"), SECRETS)
def test_secrets(name, value, secret):
    assert looks_secret(name, value) == secret


URIS = [
    ("https://bob:s3cret@host/x", "https://***@host/x"),
    ("https://bob:pa/ss@host/x", "https://***@host/x"),
    ("https://ghp0123456789abcdefghij@host/x", "https://***@host/x"),
    ("https://host/x?v=1&token=abc", "https://host/x?v=1&token=***"),
    ("ftp://bob:s3cret@db:5432/x", "ftp://***@db:5432/x"),
    ("https://$USER:$PASSWORD@host/x", None),
    ("https://host/uc?id=1A2b3C4d5E6f7G8h9I0jKlMn", None),
    ("https://host/x?keywords=ml", None),
    ("ssh://git@host/x", None),
    ("abfs://container@account.dfs.core.windows.net/x", None),
]


@pytest.mark.parametrize(("uri", "expected"), URIS)
@pytest.mark.parametrize(
    "place",
    [
        "inputs: [{name: i, default: '%s'}]",
        "parameters: [{name: q, default: '%s'}]",
        "environment-variables: [{name: URL, default: '%s'}]",
        "inputs: [{name: i, default: [data/a, '%s']}]",
    ],
)
def test_passwords_in_uris(uri, expected, place):
    text = (
        "- step: {name: s, image: x, command: ls, " + place % uri + "}\n"
        "- pipeline:\n    name: p\n    edges: []\n    nodes: [{name: a, type: execution, step: s}]\n"
    )
    loaded = load_text(text)
    secret = [d.message for d in loaded.diagnostics if d.code == "literal-secret"]
    assert secret == (
        [f"{expected} contains a password or token, which would appear in generated code"] * bool(expected)
    )
    if expected:
        printed = diagnostics.text(loaded.diagnostics, loaded.sources) + diagnostics.as_json(loaded.diagnostics, {})
        assert not any(part in printed for part in ("s3cret", "pa/ss", "ghp0123456789abcdefghij", "=abc"))


def test_other_findings_do_not_show_a_secret():
    text = (
        "- step: {name: s, image: x, command: '',\n    inputs: [{name: i, default: 'bad://bob:pa/ss@host/x'}],\n"
        "  environment-variables: [{name: TOKEN, default: sk-live}], parameters: [{name: x, type: flag, default: y}]}\n"
        "- pipeline:\n    name: p\n    edges: []\n    nodes: [{name: a, type: execution, step: s}]\n"
    )
    loaded = load_text(text)
    printed = diagnostics.text(loaded.diagnostics, loaded.sources)
    assert ("bad://" in printed, "sk-live" in printed, "pa/ss" in printed) == (True, False, False)


UNFIT = [
    (1, None), (2**63 - 1, None), (2**63, "large-number"), (-(2**70), "large-number"), (True, None), (None, None),
    (1.5, None), (float("nan"), "not-finite"), (float("-inf"), "not-finite"), ("a\nb", None), ("a\0", "nul-character"),
    ("\ud800", "bad-character"), ("😀", None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "code"), UNFIT)
def test_values_that_no_engine_can_store(value, code):
    found = unfit(value)
    assert (found[0] if found else None) == code
