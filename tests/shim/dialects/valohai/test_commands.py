"""Test how a step's commands run: text, shell, directories, environment."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from translator.shim.contract import ExecutionId, Input, Parameter, Step
from translator.shim.dialects import valohai
from translator.shim.process import script, shell
from translator.shim.workspace import Workspace, laid_out

PYTHON = shlex.quote(sys.executable)


def space(root: str = "/w/valohai") -> Workspace:
    top = Path(root)
    return laid_out(top, Path("/t"))


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
    assert valohai.items_of(Step("s", [command], parameters=parameters), values) == ("", [expected])


@pytest.mark.parametrize(
    ("commands", "shebang", "expected"),
    [
        (["a", "b"], "", ["a", "b"]),
        (["a ", "", "  ", "b"], "", ["a", "b"]),
        (["#!/bin/bash\na", "b"], "#!/bin/bash", ["a", "b"]),
        (["#!/bin/bash", "a", "b"], "#!/bin/bash", ["a", "b"]),
    ],
)
def test_a_shebang_and_blank_items_are_not_commands(commands: list[str], shebang: str, expected: list[str]) -> None:
    found, items = valohai.items_of(Step("s", commands), {})
    assert (found, [item for item in items if item]) == (shebang, expected)


SHELLS = ["/bin/sh", *(f"{name}" for name in ("bash", "zsh") if shutil.which(name))]
LISTS = [
    (["echo one  # the first", "echo two"], 0, "one\ntwo\n"),
    (["cat <<EOF\nhello\nEOF", "echo after"], 0, "hello\nafter\n"),
    (["echo a;", "echo b"], 0, "a\nb\n"),
    (["sleep 0.1 &", "wait $!; echo waited"], 0, "waited\n"),
    (["false", "echo upload || true"], 1, ""),
    (["false || true", "echo on"], 0, "on\n"),
    (["echo x | grep -q y", "echo no"], 1, ""),
    (["(exit 7)", "echo no"], 7, ""),
    (["exit 0", "echo no"], 0, ""),
    (["false\necho the last line counts", "echo on"], 0, "the last line counts\non\n"),
    (["set -e", "false\necho no", "echo no"], 1, ""),
    (["set -e", "if false; then :; fi\necho on", "false || echo too"], 0, "on\ntoo\n"),
    (["trap 'echo ended $?' EXIT", "(exit 4)", "echo no"], 4, "ended 4\n"),
    (["cd /", "A='it is'", "export B=b", 'echo "$A" $(sh -c "echo $B") "$PWD"'], 0, "it is b /\n"),
    (["f() { return 3; }", "f", "echo no"], 3, ""),
    (["echo $?", "echo $?"], 0, "0\n0\n"),
    (["true", "false"], 1, ""),
    (["set -u", "echo 'a\n  b'", "echo \"it's\" '\"'"], 0, "a\n  b\nit's \"\n"),
    (["-nosuch 2>/dev/null", "echo no"], 127, ""),
]


@pytest.mark.parametrize("program", SHELLS)
@pytest.mark.parametrize(("items", "status", "expected"), LISTS, ids=lambda value: str(value)[:30])
def test_each_item_is_its_own_command_in_one_shell(program: str, items: list[str], status: int, expected: str):
    done = subprocess.run([program, "-c", script.script(items)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (status, expected), done.stderr


@pytest.mark.parametrize(
    ("items", "number", "why"),
    [
        (["if true; then", "echo x", "fi"], 1, "sh says: "),
        (["true", "for x in a b", "do echo $x; done"], 2, "sh says: "),
        (["cat <<EOF", "hello", "EOF"], 1, "a here-document is not terminated: "),
        (["cat <<-'E O'\nE", "hello"], 1, "a here-document is not terminated: "),
        (["python train.py \\", "--lr 1"], 1, "it ends with a backslash: "),
        (["make &&", "make install"], 1, "sh says: "),
        (["make", "&& make install"], 2, "sh says: "),
        (["echo 'a", "b'"], 1, "sh says: "),
        (["#!/bin/sh", "{ echo a", "}"], 2, "sh says: "),
        (["", "echo $(date", ")"], 2, "sh says: "),
        (["case $x in", "a) echo a;;", "esac"], 1, "sh says: "),
    ],
)
def test_an_incomplete_item_is_an_error_before_anything_runs(worker, items, number, why) -> None:
    manifest = worker.run(["#!/bin/sh\necho ran", *items[1:]] if items[0].startswith("#!") else items)
    assert manifest.state == "error"
    assert manifest.reason.startswith(f"item {number} of the command is incomplete"), manifest.reason
    assert f"is incomplete: {why}" in manifest.reason
    assert worker.output == []


@pytest.mark.parametrize("program", SHELLS)
@pytest.mark.parametrize(
    "command",
    [
        "cat <<E\nif\nE",
        "cat <<A <<'B'\nA\n'\nB",
        "echo $((1 << x))",
        "echo '<<E'  # <<E",
        "echo \"<<E\" '\\'",
        "echo a  # C:\\",
        'echo "$(cat <<E\n;;\nE\n)"',
        "time ls && ! false",
        "nohup sleep 1 &",
        "test $x =no-such-program",
    ],
)
def test_a_complete_command_has_no_flaw(program: str, command: str) -> None:
    assert shell.flaw((program,), command) is None


def test_a_missing_shell_rejects_nothing() -> None:
    assert shell.flaw(("/no/such/shell",), "if cat <<E") is None


def test_reasons_of_shells_have_no_names_of_scripts() -> None:
    texts = {flaw.text for program in SHELLS if (flaw := shell.flaw((program,), "echo $(fi)"))}
    assert len(texts) == len(SHELLS)
    assert not [text for text in texts if "line" in text or "1:" in text]


PLAIN = (
    "if then fi else elif while do done for x in case esac a) b|c) ;; { } ( ) && || | ; & ' \" \\ ! f() [ ] [[ $x "
    "${v:-w} `c` b=1 >f 2>&1 {parameters} $(a;b) 'q' time ! function select # ~ * =a =("
)
WORDS = st.sampled_from([*PLAIN.split(), "\n", "# c\n", "\\\n"])


@settings(max_examples=100)
@given(st.lists(WORDS, max_size=4).map(" ".join))
def test_every_shell_accepts_plain_commands(text: str) -> None:
    if not shell.is_plain(text):
        return
    for program in SHELLS:
        read = shell._read((program,), text)
        assert read is not None and not read.stderr


def test_options_that_change_the_syntax_hold_for_the_items_after_them(worker) -> None:
    assert worker.run(["#!/bin/bash", "shopt -s extglob", "echo !(nothing|[a-z]*)"]).state == "complete"


def test_what_only_another_shell_understands_is_left_to_it(worker) -> None:
    items = [
        "#!/bin/bash",
        "a=(1 2)",
        'if [[ ${a[1]} == 2 && -n $a ]]; then echo "${#a[@]}"; fi',
        "cat <(echo $'it\\'s')",
    ]
    assert worker.run(items).state == "complete"
    assert worker.output == ["2", "it's"]


def test_other_interpreters_get_the_items_as_lines(worker) -> None:
    assert worker.run([f"#!{sys.executable}", "x = 6", "print(x * 7)"]).state == "complete"
    assert worker.output == ["42"]


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
def test_directories_of_valohai_are_mapped_at_word_boundaries(text: str, expected: str | None) -> None:
    assert valohai.mapped(text, space()) == (text if expected is None else expected)


def test_commands_share_one_shell_and_stop_at_the_first_that_fails(worker) -> None:
    assert worker.run(["export A=1", 'echo "A=$A"', "cd /", "pwd"]).state == "complete"
    assert worker.output == ["A=1", "/"]
    worker.log.clear()
    manifest = worker.run(["echo one", "false", "echo two"])
    assert manifest.state == "error"
    assert manifest.exit_status == 1
    assert worker.output == ["one"]


def test_the_working_directory_is_a_copy_of_the_project(worker) -> None:
    worker.script("data.txt", "here\n")
    worker.run("cat data.txt && pwd; echo changed > data.txt; touch more")
    assert worker.output[0] == "here"
    assert worker.output[1].endswith("/valohai/repository")
    assert {path.name: path.read_text() for path in worker.project.iterdir()} == {"data.txt": "here\n"}


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
        ["env -0 > /valohai/outputs/env.bin"],
        environment={"MODE": "fast", "WHERE": "/valohai/outputs/x", "SPACE": "a b\nc"},
        required_environment=["MY_TOKEN", "PREFECT_ASKED", "MODE"],
    )
    manifest = worker.run(step, kind="task")
    assert manifest.state == "complete"
    lines = Path(urlsplit(manifest.outputs[0].uri).path).read_text().split("\0")
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
    worker.run("python -c 'import pytest, sys; print(pytest.__file__, sys.base_prefix)'")
    assert worker.output == [f"{pytest.__file__} {sys.base_prefix}"]


@pytest.mark.parametrize("value", [None, ""])
def test_a_required_variable_without_value_is_an_error_before_the_command(worker, monkeypatch, value) -> None:
    monkeypatch.delenv("NEEDED", raising=False)
    if value is not None:
        monkeypatch.setenv("NEEDED", value)
    manifest = worker.run(Step("s", ["echo ran"], required_environment=["NEEDED", "PATH"]))
    assert manifest.state == "error"
    assert manifest.reason == "step 's' requires environment variables that are not set on this worker: NEEDED"
    assert worker.output == []


def test_ids_are_the_same_on_both_engines_and_differ_between_executions() -> None:
    one = valohai.environment(Step("s", []), ExecutionId("p", "r", "n", 0), space(), "a/b")
    same = valohai.environment(Step("s", []), ExecutionId("p", "r", "n", 0), space(), "a/b")
    other = valohai.environment(Step("s", []), ExecutionId("p", "r", "n", 1), space(), "a/b")
    assert one == same
    assert one["VH_EXECUTION_ID"] != other["VH_EXECUTION_ID"]
    assert one["VH_PIPELINE_NODE_ID"] == other["VH_PIPELINE_NODE_ID"]


@pytest.mark.parametrize("folder", ["a b", "it's", 'q"$(touch evil)', "é", "semi;colon", "new\nline"])
def test_stores_and_projects_may_have_any_name(worker, tmp_path: Path, folder: str) -> None:
    worker.project = tmp_path / folder / "project"
    worker.uri = str(tmp_path / folder / "store")
    worker.script("here", "x")
    manifest = worker.run("cat /valohai/repository/here > /valohai/outputs/out; ls /valohai/inputs")
    assert manifest.state == "complete", manifest.reason
    assert [record.path for record in manifest.outputs] == ["out"]
    assert worker.store.manifest(manifest.uri) == manifest
    assert not (worker.project / "evil").exists()


def test_an_input_without_files_has_no_directory(worker) -> None:
    command = "ls -d /valohai/inputs /valohai/outputs; ls /valohai/inputs /valohai/repository/"
    worker.script("in-project", "")
    assert worker.run(Step("s", [command], inputs=[Input("maybe", optional=True)])).state == "complete"
    assert [line.rsplit("/", 1)[-1] for line in worker.output if line] == [
        "inputs", "outputs", "inputs:", ":", "in-project",
    ]  # fmt: skip
