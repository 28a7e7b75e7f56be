"""Test ``translate deployments`` with real servers."""

import json

import pytest

from tests.shim.deployers.deploying import Machine
from translator.cli import main


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    folder = tmp_path_factory.mktemp("d")
    machine = Machine(folder / "s", folder / "project")
    machine.deploy("one")
    machine.deploy("two", aliases=("live", "next"))
    yield machine
    machine.shut_down()


@pytest.fixture
def run(machine, tmp_path, monkeypatch, capsys):
    """Return a function that runs the command with the directory of a ``translator.toml``; returns what it prints."""
    (tmp_path / "translator.toml").write_text(f'[defaults.deployers.local]\ndirectory = "{machine.directory}"\n')
    monkeypatch.chdir(tmp_path)

    def run(*arguments, status=0):
        assert main(["deployments", *arguments]) == status
        out, err = capsys.readouterr()
        return err if status else out

    return run


def test_versions_are_listed_and_shown(run, machine):
    lines = run("ls").splitlines()
    assert [line.split()[:4] for line in lines] == [
        ["DEPLOYMENT", "VERSION", "ALIASES", "STATE"],
        ["digits", "1", "-", "running"],
        ["digits", "2", "live,", "next"],
    ]
    assert lines[1].endswith("pipeline/run/deploy")
    shown = run("show", "digits", "live")
    assert f"http://127.0.0.1:{machine.port}/digits/live/predict/" in shown
    assert json.loads(run("show", "digits", "--format", "json"))[1]["aliases"] == ["live", "next"]
    assert run() == run("ls")
    assert run("ls", "other") == "nothing is deployed as other\n"


def test_an_alias_moves_and_a_version_stops(run, machine):
    assert machine.model() == "two"
    assert run("alias", "digits", "live", "1") == "alias live of digits points to version 1 from now on\n"
    assert machine.model() == "one"
    assert run("alias", "digits", "live", "next") == "alias live of digits points to version next from now on\n"
    assert machine.model() == "two"
    assert run("stop", "digits", "1", "--format", "json") == '{\n  "done": "stopped and removed digits 1"\n}\n'
    assert "serves as live, next" in run("stop", "digits", "2", status=2)
    assert run("unalias", "digits", "next") == "removed alias next of digits\n"
    assert "has no alias 'next'; it has: live" in run("unalias", "digits", "next", status=2)


def test_logs_are_printed(run):
    assert "gunicorn" in run("logs", "digits", "live")
    assert "has no endpoint 'greet'; it has: predict" in run("logs", "digits", "--endpoint", "greet", status=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("show",), "expected: translate deployments show DEPLOYMENT [VERSION]"),
        (("stop", "digits", "--all"), "expected: translate deployments stop DEPLOYMENT [VERSION] | stop --all"),
        (("ls", "--all"), "--all is an option of translate deployments stop"),
        (("show", "other"), "there is no deployment 'other'"),
        (("show", "digits", "9"), "there is no version '9'"),
        (("logs", "../../etc"), "there is no deployment '../../etc'"),
        (("stop", ".."), "there is no deployment '..'; there are: digits"),
        (("alias", "digits", "live", "99999"), "digits has no version '99999'"),
        (("ls", "--deployer", "none"), "there is no deployer 'none' on this machine"),
        (("ls", "--deployer", "kubernetes", "--directory", "d"), "--directory is for deployers with a directory"),
        (("ls", "--directory", "a b"), "must have at most 90 plain characters"),
    ],
)
def test_mistakes_are_one_line(run, arguments, message):
    error = run(*arguments, status=2)
    assert message in error
    assert error.count("\n") == 1


def test_everything_stops(run):
    assert run("stop", "--all") == "stopped and removed everything (digits)\n"
    assert run() == "nothing is deployed\n"
    assert run("stop", "--all", "--format", "json").startswith('{\n  "done": "stopped and removed everything')
