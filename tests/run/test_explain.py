"""Test ``translate explain`` as users call it."""

from __future__ import annotations

import json

import pytest

from translator.cli import main

TEXT = """\
- step:
    name: make
    image: python:3.12
    command: make {parameters}
    parameters:
      - {name: lr, type: float, default: 0.1}
      - {name: name, type: string, default: x}
- task:
    name: sweep
    step: make
    type: grid_search
    parameters:
      - {name: lr, style: multiple, rules: {items: [0.1, 0.2]}}
- pipeline:
    name: Training
    parameters:
      - {name: rate, default: [0.1, 0.2], targets: [late.parameter.lr]}
    nodes:
      - {name: prepare, type: execution, step: make}
      - {name: train, type: task, task: sweep, on-error: continue}
      - {name: again, type: execution, step: make, on-error: retry}
      - {name: wide, type: task, step: make, on-error: stop-next}
      - {name: late, type: task, step: make}
      - {name: report, type: execution, step: make}
    edges:
      - [prepare.metadata.rates, wide.parameter.lr]
      - [prepare.dependency.*, train.dependency.*]
      - [train.dependency.*, report.dependency.*]
      - [wide.dependency.*, late.dependency.*]
      - [report.metadata.best, again.parameter.lr]
"""


VARIABLES = """\
- step:
    name: s
    image: i
    command: date
    parameters: [{name: rate, type: float, default: 0.1}]
    environment-variables: [{name: RATE}, {name: API_TOKEN}, {name: BEST}]
- pipeline:
    name: Variables
    nodes:
      - {name: first, type: execution, step: s}
      - {name: last, type: execution, step: s}
    edges:
      - [first.parameter.rate, last.environment-variable.RATE]
      - [first.parameter.rate, last.environment-variable.API_TOKEN]
      - [first.metadata.best, last.environment-variable.BEST]
"""


@pytest.fixture
def explain(tmp_path, capsys):
    file = tmp_path / "valohai.yaml"
    file.write_text(TEXT)

    def run(*arguments):
        status = main(["explain", str(file), *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_text_output(explain):
    status, out, _ = explain("--fail", "train[1]")
    assert status == 0
    assert out == (
        "Training (valohai.yaml), if train[1] fails:\n"
        "\n"
        "  prepare       complete  no failure\n"
        "  train         complete  1 of 2 executions (1) failed; on-error: continue\n"
        "    [0] lr=0.1  complete\n"
        "    [1] lr=0.2  error\n"
        "  again         complete  no failure\n"
        "  wide          complete  no failure\n"
        "    [0]         complete\n"
        "  late          complete  no failure\n"
        "    [0] lr=0.1  complete\n"
        "    [1] lr=0.2  complete\n"
        "  report        complete  no failure\n"
        "\n"
        "the run: complete\n"
        "\n"
        "note: metadata 'rates' of prepare is only known at run time; assuming 1 value for wide.lr\n"
        "note: metadata 'best' of report is only known at run time; assuming the default of again.lr\n"
    )


def test_environment_variables_that_edges_set(tmp_path, capsys):
    (tmp_path / "valohai.yaml").write_text(VARIABLES)
    assert main(["explain", str(tmp_path / "valohai.yaml")]) == 0
    assert capsys.readouterr().out.endswith(
        "note: metadata 'best' of first is only known at run time; it sets the environment variable BEST of last\n"
        "note: edges set environment variables of last: RATE=0.1, API_TOKEN=***\n"
    )
    assert main(["explain", str(tmp_path / "valohai.yaml"), "--format", "json"]) == 0
    nodes = json.loads(capsys.readouterr().out)["nodes"]
    assert nodes["last"]["executions"][0]["environment"] == {"RATE": "0.1", "API_TOKEN": "***"}
    assert "environment" not in nodes["first"]["executions"][0]


def test_several_states(explain):
    status, out, _ = explain("--fail", "prepare", "--fail", "late")
    assert status == 0
    assert out.startswith("Training (valohai.yaml), if prepare and late fail:\n")
    assert "  wide     stopped  not run: prepare stops the run\n" in out
    assert "the run: error\n" in out
    status, out, _ = explain("--fail", "again")
    assert "  late          complete or stopped" in out
    assert "timing decides" in out


def states(out):
    document = json.loads(out)
    nodes = document["nodes"]
    return {name: "|".join(node["states"]) for name, node in nodes.items()} | {"run": "|".join(document["states"])}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {"report": "complete", "run": "complete"}),
        (["--fail", "train"], {"train": "error", "report": "skipped", "again": "skipped", "run": "error"}),
        (["--fail", "train[0]"], {"train": "complete", "report": "complete"}),
        (["--fail", "train.0"], {"train": "complete", "report": "complete"}),
        (["--fail", "again@1", "--fail", "again[0]@2"], {"again": "complete", "run": "complete"}),
        (["--fail", "again.0@1", "--fail", "again.0@2"], {"again": "complete", "run": "complete"}),
        (["--fail", "again"], {"again": "error", "run": "error"}),
        (["--fail", "again@1", "--tries", "1"], {"again": "error"}),
        (["--fail", "wide[4]"], {"wide": "error", "late": "skipped"}),
        (["--fail", "prepare[1]", "--grid", "prepare.name=a,b"], {"prepare": "error", "wide": "stopped"}),
    ],
)
def test_json_output(explain, arguments, expected):
    status, out, _ = explain("--format", "json", *arguments)
    assert status == 0
    found = states(out)
    assert {name: found[name] for name in expected} == expected


def test_a_grid_from_metadata_is_as_wide_as_the_failures_mention(explain):
    _, out, _ = explain("--format", "json", "--fail", "wide[4]")
    document = json.loads(out)
    assert len(document["nodes"]["wide"]["executions"]) == 5
    assert document["nodes"]["late"]["executions"] == []
    assert any("assuming 5 values for wide.lr" in note for note in document["notes"])


def test_values(explain):
    _, out, _ = explain("--format", "json", "--param", "rate=1,2,3", "--param", "prepare.lr=7")
    nodes = json.loads(out)["nodes"]
    assert [e["parameters"]["lr"] for e in nodes["late"]["executions"]] == [1, 2, 3]
    assert nodes["prepare"]["executions"][0]["parameters"] == {"lr": 7, "name": "x"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--fail", "trian"], "did you mean 'train'?"),
        (["--fail", "trian.1"], "there is no node called 'trian'"),
        (["--fail", "train[2]"], "train has 2 executions, [0] to [1]"),
        (["--fail", "prepare[1]"], "prepare is an execution node with one execution, [0]"),
        (["--fail", "prepare@2"], "each execution of prepare has one attempt"),
        (["--fail", "again@4"], "each execution of again has 3 attempts, @1 to @3"),
        pytest.param(["--fail", f"wide[{'9' * 5000}]"], "numbers can have at most 4 digits", id="long-index"),
        pytest.param(["--fail", f"again@{'9' * 5000}"], "numbers can have at most 4 digits", id="long-attempt"),
        (["--fail", "again@0"], "each execution of again has 3 attempts, @1 to @3"),
        (["--param", "rat=1"], "did you mean 'rate'?"),
        (["--grid", "train.lrr=1"], "did you mean 'lr'?"),
        (["--pipeline", "Trainin"], "did you mean 'Training'?"),
    ],
)
def test_unknown_names_are_reported(explain, arguments, message):
    status, out, err = explain(*arguments)
    assert status == 2
    assert out == ""
    assert message in err


def test_a_file_with_errors(explain, tmp_path):
    (tmp_path / "valohai.yaml").write_text(
        TEXT.replace("step: make}\n      - {name: train", "step: mak}\n      - {name: train")
    )
    status, out, err = explain()
    assert status == 1
    assert out == ""
    assert "mak" in err


def test_node_names_may_contain_brackets(tmp_path, capsys):
    file = tmp_path / "valohai.yaml"
    file.write_text(
        "- step: {name: s, image: i, command: c}\n"
        "- pipeline:\n"
        "    name: P\n"
        "    nodes: [{name: 'a[0]', type: execution, step: s}, {name: 'b@1', type: execution, step: s}]\n"
        "    edges: []\n"
    )
    assert main(["explain", str(file), "--fail", "a[0]", "--fail", "b@1[0]@1", "--format", "json"]) == 0
    assert set(states(capsys.readouterr().out)["a[0]"].split("|")) >= {"error"}


ACTIONS = """\
- step: {name: s, image: i, command: date, parameters: [{name: rate, type: float, default: 0.1}]}
- pipeline:
    name: Gated
    nodes:
      - name: train
        type: execution
        step: s
        actions:
          - {when: node-complete, if: metadata.accuracy < 0.9, then: stop-pipeline}
          - {when: node-error, if: parameter.rate > 1, then: error-pipeline}
      - {name: publish, type: execution, step: s}
    edges: [[train.dependency.*, publish.dependency.*]]
"""


APPROVED = "{name: publish, type: execution, step: s, actions: [{when: node-starting, then: require-approval}]}"


@pytest.fixture
def explain_actions(tmp_path, capsys):
    file = tmp_path / "valohai.yaml"
    file.write_text(ACTIONS)

    def run(*arguments):
        status = main(["explain", str(file), *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_conditions_over_metadata_are_assumed_not_to_hold(explain_actions):
    status, out, _ = explain_actions()
    assert status == 0
    assert "the run: complete\n" in out
    assert (
        "note: whether 'metadata.accuracy < 0.9' holds for train is only known at run time; assuming that it does not "
        "(--assume train.metadata.accuracy=VALUE)\n"
    ) in out


@pytest.fixture
def explain_action(tmp_path, capsys):
    """Explain a pipeline with an action of ``train``; return the state of the run, and the notes."""

    def run(action, *arguments):
        file = tmp_path / "valohai.yaml"
        listed = ACTIONS.splitlines(keepends=True)
        file.write_text("".join([*listed[:8], f"          - {action}\n", *listed[10:]]))
        assert main(["explain", str(file), "--format", "json", *arguments]) == 0
        document = json.loads(capsys.readouterr().out)
        return document["states"], document["notes"]

    return run


@pytest.mark.parametrize("condition", ["metadata.acc is None", "not metadata.acc"])
def test_metadata_is_known_to_be_missing_when_a_node_starts(explain_action, condition):
    assert explain_action(f"{{when: node-starting, if: {condition}, then: stop-pipeline}}") == (["stopped"], [])


@pytest.mark.parametrize(
    ("condition", "state", "assumed"),
    [
        ("metadata.acc is None", "stopped", "does"),
        ("metadata.acc is not None", "complete", "does not"),
        ("not metadata.acc and parameter.rate < 1", "stopped", "does"),
        ("not metadata.acc and parameter.rate > 1", "complete", "does not"),
    ],
)
def test_notes_agree_with_the_prediction(explain_action, condition, state, assumed):
    note = (
        f"whether {condition!r} holds for train is only known at run time; assuming that it {assumed} "
        "(--assume train.metadata.acc=VALUE)"
    )
    action = f"{{when: node-complete, if: {condition}, then: stop-pipeline}}"
    assert explain_action(action) == ([state], [note])


def test_conditions_of_events_that_do_not_happen_are_not_assumed(explain_action):
    action = "{when: node-error, if: metadata.acc < 1, then: stop-pipeline}"
    assert explain_action(action) == (["complete"], [])
    states, notes = explain_action(action, "--fail", "train")
    assert (states, len(notes)) == (["error"], 1)


def test_assumed_metadata_may_be_nested(explain_action):
    action = "{when: node-complete, if: metadata.val.acc < 1, then: stop-pipeline}"
    assert explain_action(action, "--assume", 'train.metadata.val={"acc": 0.5}') == (["stopped"], [])
    assert explain_action(action, "--assume", "train.metadata.val.acc=0.5") == (["stopped"], [])


def test_metadata_that_is_assumed(explain_actions):
    status, out, _ = explain_actions("--assume", "train.metadata.accuracy=0.5")
    assert status == 0
    assert out == (
        "Gated (valohai.yaml), without failures:\n"
        "\n"
        "  train    complete  no failure; node-complete: stop-pipeline, because metadata.accuracy < 0.9\n"
        "  publish  stopped   not run: train stops the run\n"
        "\n"
        "the run: stopped\n"
    )
    assert "the run: complete" in explain_actions("--assume", "train.metadata.accuracy=0.95")[1]


def test_parameters_are_known(explain_actions):
    _, out, _ = explain_actions("--fail", "train", "--param", "train.rate=2")
    assert "node-error: error-pipeline, because parameter.rate > 1" in out


def test_approvals(explain_actions, tmp_path):
    text = ACTIONS.replace("{name: publish, type: execution, step: s}", APPROVED)
    (tmp_path / "valohai.yaml").write_text(text)
    status, out, _ = explain_actions()
    assert status == 0
    assert "  publish  complete  no failure; node-starting: require-approval (approved)\n" in out
    assert "note: a person decides about publish; assuming approval (--assume publish.approved=false)\n" in out
    status, out, _ = explain_actions("--assume", "publish.approved=false")
    assert status == 0
    assert "  publish  stopped   not started; node-starting: require-approval (rejected)\n" in out
    assert "the run: stopped\n" in out
    assert explain_actions("--assume", "publish.approved=no")[0] == 2
    assert explain_actions("--assume", "publis.approved=false")[0] == 2


def test_assumed_metadata_of_no_node(explain_actions):
    status, _, err = explain_actions("--assume", "trian.metadata.accuracy=1")
    assert status == 2
    assert "there is no node called 'trian'" in err
    assert "did you mean 'train'?" in err
