"""Test how commands look up the connections of the engine that is installed beside them."""

import sys
from types import SimpleNamespace

import pytest

from translator import entry_points
from translator.cli import connections, main
from translator.cli.exit_status import UsageError
from translator.shim.contract import Connection


def missing(name):
    raise ImportError(name)


def broken(name):
    raise OSError(f"no API at http://me:pass@api/\nfor {name}")


LOOKUPS = {"missing": missing, "broken": broken, "engine": {"known": Connection("host")}.get}


@pytest.fixture
def installed(monkeypatch):
    """Return a function that installs engines."""

    def install(*engines):
        for engine in engines:
            monkeypatch.setitem(sys.modules, f"engine_of_{engine}", SimpleNamespace(lookup=LOOKUPS[engine]))
        named = {engine: f"engine_of_{engine}" for engine in engines}
        monkeypatch.setattr(entry_points, "modules", {connections.GROUP: named}.__getitem__)

    return install


def test_our_engines_are_registered():
    assert sorted(entry_points.modules(connections.GROUP)) == ["airflow", "prefect"]


@pytest.mark.parametrize(
    ("engines", "name", "problem"),
    [
        (("missing", "engine"), "known", None),
        (("missing", "engine"), "other", "because Engine here does not know it: run the command in the environment"),
        (("missing",), "known", "because no engine is installed here: run the command in the environment of a worker"),
        (("broken",), "known", "the connection 'known' cannot be looked up in Broken: no API at http://[*]{3}@api/$"),
    ],
)
def test_a_connection_is_looked_up_in_the_engine_that_is_installed(installed, engines, name, problem):
    installed(*engines)
    if problem is None:
        assert connections.lookup(name) == Connection("host")
    else:
        with pytest.raises(UsageError, match=problem):
            connections.lookup(name)


def test_the_command_says_how_to_reach_the_cluster(installed, tmp_path, monkeypatch, capsys):
    installed("missing")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("KUBECONFIG", raising=False)
    settings = '[defaults]\ndeployer = "kubernetes"\ndeployers.kubernetes = { connection = "training" }\n'
    (tmp_path / "translator.toml").write_text(settings)
    assert main(["deployments", "ls"]) == 2
    assert "or name credentials with --kubeconfig" in capsys.readouterr().err
    assert main(["deployments", "ls", "--kubeconfig", "none.yaml"]) == 2
    assert "the credentials of the Kubernetes cluster cannot be read" in capsys.readouterr().err
    assert main(["deployments", "ls", "--deployer", "local", "--kubeconfig", "none.yaml"]) == 2
    assert "--kubeconfig is for deployers on a cluster, not for 'local'" in capsys.readouterr().err
