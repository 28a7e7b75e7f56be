"""What a step's commands are when they run: text, shell, folders, environment."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path

import pytest

from translator.shim.contract import ExecutionId, Input, Parameter, Step
from translator.shim.dialects import valohai
from translator.shim.workspace import Workspace

PYTHON = shlex.quote(sys.executable)


def space(root: str = "/w/valohai") -> Workspace:
    top = Path(root)
    return Workspace(top, top / "inputs", top / "outputs", top / "config", top / "repository", Path("/t"))


LR = Parameter("lr", "float", 0.1)
FLAG = Parameter("fast", "flag", default=True)
NAMES = Parameter("names", default=("a b", "c"), multiple="repeat")
AS = Parameter("p", pass_as="-p {v}")  # noqa: S106 - no password
YES_NO = Parameter("f", "flag", pass_true_as="--yes", pass_false_as="--no")  # noqa: S106 - no password
SETS = Parameter("sets", default=("a", "b"), multiple="separate", separator=";")


@pytest.mark.parametrize(
    ("command", "parameters", "values", "expected"),
    [
        ("python t.py {parameters}", [LR], {"lr": 0.1}, "python t.py --lr=0.1"),
        ("python t.py {params}", [LR, FLAG], {"lr": 0.1, "fast": True}, "python t.py --lr=0.1 --fast"),
        ("t {parameters}", [FLAG], {"fast": False}, "t"),
        ("t {parameter:lr}", [LR], {"lr": 1.0}, "t --lr=1.0"),
        ("t {parameter-value:lr}", [LR], {"lr": 1.0}, "t 1.0"),
        ("t {parameters}", [NAMES], {"names": ["a b", "c"]}, "t '--names=a b' --names=c"),
        ("t {parameters}", [SETS], {"sets": ["a", "b"]}, "t '--sets=a;b'"),
        ("t {parameters}", [LR], {"lr": None}, "t"),
        ("t {parameters}", [Parameter("p")], {"p": "it's $(x) \n-a"}, "t '--p=it'\"'\"'s $(x) \n-a'"),
        ("t {parameters}", [AS], {"p": "é b"}, "t -p 'é b'"),
        (
            "t {parameters}",
            [YES_NO],
            {"f": False},
            "t --no",
        ),
        ("echo ${HOME} {a} {parameter:none}", [], {}, "echo ${HOME} {a} {parameter:none}"),
        ("echo {{ 7 * 7 }} \\n '\"'", [], {}, "echo {{ 7 * 7 }} \\n '\"'"),
    ],
)
def test_the_vendor_builds_commands(command: str, parameters: list[Parameter], values: dict, expected: str) -> None:
    assert valohai.command(Step("s", [command], parameters=parameters), values) == expected


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        (["a", "b"], "a && b"),
        (["a ", "", "  ", "b"], "a && b"),
        (["#!/bin/bash\na", "b"], "#!/bin/bash\na && b"),
        (["#!/bin/bash", "a", "b"], "#!/bin/bash\na && b"),
        (["export A=1", "echo $A"], "export A=1 && echo $A"),
    ],
)
def test_commands_are_joined_as_the_vendor_joins_them(commands: list[str], expected: str) -> None:
    from valohai_yaml.commands import build_command, join_command
    from valohai_yaml.objs.parameter_map import ParameterMap

    assert valohai.command(Step("s", commands), {}) == expected
    vendors = build_command(commands, ParameterMap(parameters={}, values={}))
    assert join_command(vendors, " && ") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ls /valohai/inputs", "ls /w/valohai/inputs"),
        ("ls /valohai/inputs/a/*", "ls /w/valohai/inputs/a/*"),
        ("cp a '/valohai/outputs/x y'", "cp a '/w/valohai/outputs/x y'"),
        ("t --o=/valohai/outputs --c=/valohai/config/x", "t --o=/w/valohai/outputs --c=/w/valohai/config/x"),
        ("cd /valohai/repository;ls", "cd /w/valohai/repository;ls"),
        ("P=/valohai/repository:/valohai/config", "P=/w/valohai/repository:/w/valohai/config"),
        ("curl file:///valohai/inputs/a", "curl file:///w/valohai/inputs/a"),
        ("ls /valohai/inputs2 /valohai/outputs-old /valohai/config.d", None),
        ("ls /data/valohai/inputs ~/valohai/inputs ./valohai/inputs $X/valohai/inputs ${X}/valohai/inputs", None),
        ("ls s3://bucket/valohai/inputs valohai/inputs /valohai", None),
    ],
)
def test_folders_of_valohai_are_mapped_at_word_boundaries(text: str, expected: str | None) -> None:
    assert valohai.mapped(text, space()) == (text if expected is None else expected)


def test_commands_share_one_shell_and_stop_at_the_first_that_fails(worker) -> None:
    assert worker.run(["export A=1", 'echo "A=$A"', "cd /", "pwd"]).state == "complete"
    assert worker.output == ["A=1", "/"]
    worker.log.clear()
    manifest = worker.run(["echo one", "false", "echo two"])
    assert manifest.state == "error"
    assert manifest.exit_status == 1
    assert worker.output == ["one"]


def test_the_working_folder_is_the_project(worker) -> None:
    worker.script("data.txt", "here\n")
    worker.run("cat data.txt && pwd")
    assert worker.output == ["here", str(worker.project)]


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("#!/bin/bash\necho $((1 + 1)) ${BASH_VERSION:+bash}", "2 bash"),
        ("#!/usr/bin/env -S bash -e\necho ${BASH_VERSION:+bash}", "bash"),
        (f"#!{sys.executable}\nprint(6 * 7)", "42"),
    ],
)
def test_a_shebang_picks_the_shell(worker, command: str, line: str) -> None:
    manifest = worker.run(command)
    assert manifest.state == "complete", manifest.reason
    assert worker.output == [line]


def test_a_missing_shell_is_an_error(worker) -> None:
    manifest = worker.run("#!/no/such/shell\ntrue")
    assert manifest.state == "error"
    assert manifest.reason == "the command cannot be started: [Errno 2] No such file or directory: '/no/such/shell'"


def test_a_missing_script_is_an_error_that_names_it(worker) -> None:
    manifest = worker.run(f"{PYTHON} nowhere.py")
    assert manifest.state == "error"
    assert manifest.exit_status == 2
    assert "nowhere.py" in manifest.reason


def test_a_command_of_a_megabyte_runs(worker) -> None:
    worker.run("X=" + "a" * 1_000_000 + "; echo ${#X}")
    assert worker.output == ["1000000"]


def test_hostile_values_reach_the_script_as_they_are(worker) -> None:
    values = [
        "a b",
        "q\"'`",
        "$(touch evil)",
        "-x",
        "new\nline",
        "é ☃ \U0001f600",
        "{parameters}",
        "{{ 7*7 }}",
        "\\n\\",
    ]
    worker.script("show.py", "import sys, json; print(json.dumps(sys.argv[1:]))")
    names = [f"p{index}" for index in range(len(values))]
    step = Step("s", [f"{PYTHON} show.py {{parameters}}"], parameters=[Parameter(name) for name in names])
    manifest = worker.run(step, parameters=dict(zip(names, values, strict=True)))
    assert manifest.state == "complete", manifest.reason
    assert json.loads(worker.output[0]) == [f"--{n}={v}" for n, v in zip(names, values, strict=True)]
    assert not (worker.project / "evil").exists()


def test_the_environment_is_the_workers_without_the_engines(worker, monkeypatch) -> None:
    secrets = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "s", "AIRFLOW_CONN_DB": "s", "_AIRFLOW_WWW_USER_PASSWORD": "s",
        "PREFECT_API_KEY": "s", "PREFECT_API_URL": "s", "TRANSLATOR_STORE": "s", "VH_OLD": "s",
    }  # fmt: skip
    for name, value in {**secrets, "MY_TOKEN": "kept", "PREFECT_ASKED": "kept"}.items():
        monkeypatch.setenv(name, value)
    step = Step(
        "s",
        ["env -0 > env.bin"],
        environment={"MODE": "fast", "WHERE": "/valohai/outputs/x", "SPACE": "a b\nc"},
        required_environment=["MY_TOKEN", "PREFECT_ASKED", "MODE"],
    )
    assert worker.run(step, kind="task").state == "complete"
    lines = (worker.project / "env.bin").read_text().split("\0")
    found = dict(line.split("=", 1) for line in lines if line)
    assert not secrets.keys() & found.keys()
    assert {name: found[name] for name in ("MY_TOKEN", "PREFECT_ASKED", "MODE", "SPACE", "PYTHONUNBUFFERED")} == {
        "MY_TOKEN": "kept", "PREFECT_ASKED": "kept", "MODE": "fast", "SPACE": "a b\nc", "PYTHONUNBUFFERED": "1",
    }  # fmt: skip
    assert found["WHERE"] == found["VH_OUTPUTS_DIR"] + "/x"
    assert found["HOME"] == os.environ["HOME"]
    assert found["VH_JOB_ID"] == f"exec-{found['VH_EXECUTION_ID']}"
    assert {"VH_CONFIG_DIR", "VH_INPUTS_DIR", "VH_REPOSITORY_DIR", "VH_PROJECT_ID", "VH_PIPELINE_ID",
            "VH_PIPELINE_NODE_ID", "VH_TASK_ID"} <= found.keys()  # fmt: skip


def test_python_is_the_workers_also_when_its_environment_is_not_activated(worker, monkeypatch) -> None:
    monkeypatch.setenv("PATH", os.defpath)
    worker.run("command -v python")
    assert worker.output == [str(Path(sys.prefix) / "bin" / "python")]


@pytest.mark.parametrize("value", [None, ""])
def test_a_required_variable_without_value_is_an_error_before_the_command(worker, monkeypatch, value) -> None:
    monkeypatch.delenv("NEEDED", raising=False)
    if value is not None:
        monkeypatch.setenv("NEEDED", value)
    manifest = worker.run(Step("s", ["echo ran"], required_environment=["NEEDED", "PATH"]))
    assert manifest.state == "error"
    assert manifest.reason == "step 's' requires environment variables that have no value on this worker: NEEDED"
    assert worker.output == []


def test_ids_are_the_same_on_both_engines_and_differ_between_executions() -> None:
    one = valohai.environment(Step("s", []), ExecutionId("p", "r", "n", 0), space())
    same = valohai.environment(Step("s", []), ExecutionId("p", "r", "n", 0), space())
    other = valohai.environment(Step("s", []), ExecutionId("p", "r", "n", 1), space())
    assert one == same
    assert one["VH_EXECUTION_ID"] != other["VH_EXECUTION_ID"]
    assert one["VH_PIPELINE_NODE_ID"] == other["VH_PIPELINE_NODE_ID"]


@pytest.mark.parametrize("folder", ["a b", "it's", 'q"$(touch evil)', "é", "semi;colon", "new\nline"])
def test_stores_and_projects_may_be_called_anything(worker, tmp_path: Path, folder: str) -> None:
    worker.project = tmp_path / folder / "project"
    worker.uri = str(tmp_path / folder / "store")
    worker.script("here", "x")
    manifest = worker.run("cat /valohai/repository/here > /valohai/outputs/out; ls /valohai/inputs")
    assert manifest.state == "complete", manifest.reason
    assert [record.path for record in manifest.outputs] == ["out"]
    assert worker.store.manifest(manifest.uri) == manifest
    assert not (worker.project / "evil").exists()


def test_the_input_folders_exist_also_when_they_are_empty(worker) -> None:
    step = Step("s", ["ls -d /valohai/inputs/maybe /valohai/outputs && ls /valohai/repository/"],
                inputs=[Input("maybe", optional=True)])  # fmt: skip
    worker.script("in-project", "")
    assert worker.run(step).state == "complete"
    assert worker.output[-1] == "in-project"
