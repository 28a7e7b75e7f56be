"""Test that a separate package can add a dialect and a target without a change to ours."""

import os
from pathlib import Path

import pytest

from tests.extending.package import FILE, ROOT, run
from translator import conformance, registry


def test_they_conform(installed: dict[str, str]) -> None:
    assert run(installed, "-m", "translator.conformance", "dialect", "toy", FILE) == ""
    assert run(installed, "-m", "translator.conformance", "target", "script", FILE) == ""
    few = ("--settings", '{"niceness": 3}', "--check", "directories", "--check", "settings")
    assert run(installed, "-m", "translator.conformance", "runner", "toy", *few) == ""


def test_the_command_line_knows_them(installed: dict[str, str]) -> None:
    assert "--script-name NAME" in run(installed, "-m", "translator.cli", "--help")
    assert "nothing to report" in run(installed, "-m", "translator.cli", "check", FILE)
    assert "greet" in run(installed, "-m", "translator.cli", "explain", FILE, "--fail", "greet")
    assert "Pair (only greet)" in run(installed, "-m", "translator.cli", FILE, "-t", "script", "--step", "greet")
    refused = run(installed, "-m", "translator.cli", FILE, "-t", "script", "--task", "greet", status=2)
    assert "only pipelines of Valohai have task blueprints" in refused


def test_codes_of_a_package_are_explained(installed: dict[str, str]) -> None:
    assert "a step of a toy has no `run`" in run(installed, "-m", "translator.cli", "rule", "missing-run")


@pytest.mark.parametrize("target", ["airflow", "prefect"])
def test_our_targets_write_the_dialect(installed: dict[str, str], target: str) -> None:
    assert 'dialect="toy"' in run(installed, "-m", "translator.cli", FILE, "-t", target)


def test_the_target_writes_a_script_that_runs(installed: dict[str, str], tmp_path: Path) -> None:
    run(installed, "-m", "translator.cli", FILE, "-t", "script", "-o", f"{tmp_path}/", "--script-name", "Two")
    run(installed, tmp_path / "two_script.py", tmp_path / "store")
    (shouted,) = (tmp_path / "store" / "Two").rglob("shouted.txt")
    assert shouted.read_text() == "HELLO\n"


def test_the_target_writes_our_dialects(installed: dict[str, str], tmp_path: Path) -> None:
    file = ROOT / "tests" / "goldens" / "cases" / "readme.yaml"
    refused = run(installed, "-m", "translator.cli", file, "-t", "script", status=1)
    assert "unsupported-node" in refused


def test_a_worker_without_the_dialect_says_so(installed: dict[str, str], tmp_path: Path) -> None:
    run(installed, "-m", "translator.cli", FILE, "-t", "script", "-o", f"{tmp_path}/")
    bare = {**installed, "PYTHONPATH": str(ROOT)}
    said = run(bare, tmp_path / "pair_script.py", tmp_path / "store", status=1)
    assert "steps of toy cannot run here: install the package that registers this dialect" in said


RUN = """
import sys
from pathlib import Path
from translator.shim.contract import Context, ExecutionId, Step, runner
from translator.shim.execution import execute

for number, settings in enumerate([{"niceness": 7}, {"size": 1}]):
    context = Context(ExecutionId("p", "r", "n", number), sys.argv[1], Path(sys.argv[2]), "script", print)
    step = Step("s", ["nice; echo x > /valohai/outputs/x"], runner=runner("toy", **settings))
    print(execute(step, context).state)
"""


def test_a_runner_of_a_package_runs_steps(installed: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "run.py").write_text(RUN)
    said = run(installed, tmp_path / "run.py", tmp_path / "store", tmp_path / "project").splitlines()
    before = os.getpriority(os.PRIO_PROCESS, 0)
    assert said[:2] == [str(min(before + 7, 19)), "complete"]
    assert any("the runner toy does not have a setting 'size'" in line for line in said[2:]), said
    assert said[-1] == "error"


GATED = "Deploy if the metric passes"
DEPLOYED = """
import sys
from pathlib import Path
from translator.shim.contract import Context, Endpoint, ExecutionId, InputFiles, deployer, deployment
from translator.shim.execution import execute

for number, settings in enumerate([{"site": sys.argv[3]}, {"site": sys.argv[3], "size": 1}]):
    context = Context(ExecutionId("p", f"r{number}", "n"), sys.argv[1], Path(sys.argv[2]), "script", print)
    endpoints = [Endpoint("page", wsgi="app", files={"model": "a/model.txt"})]
    step = deployment("shop", endpoints=endpoints, aliases=["live"], deployer=deployer("toy", **settings))
    manifest = execute(step, context, inputs={"page.model": InputFiles(defaults=["model.txt"])})
    print(manifest.state, dict(manifest.metadata), manifest.reason)
"""


def test_a_deployer_of_a_package_deploys(installed: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "model.txt").write_text("a model")
    (tmp_path / "run.py").write_text(DEPLOYED)
    places = [tmp_path / "store", tmp_path / "project", tmp_path / "site of shops"]
    said = run(installed, tmp_path / "run.py", *places).splitlines()
    assert said[0] == "live is r0-1"
    assert "complete {'id': 'shop', 'version_id': 'r0-1'} None" in said
    assert said[-1].startswith("error {} the deployer toy needs the setting 'site'")
    assert (tmp_path / "site of shops" / "shop" / "live" / "page" / "a" / "model.txt").read_text() == "a model"


def test_settings_choose_a_deployer_of_a_package(installed: dict[str, str], tmp_path: Path) -> None:
    file = ROOT / "examples" / "deployments" / "valohai.yaml"
    settings = tmp_path / "translator.toml"
    settings.write_text("[defaults]\ndeployer = 'toy'\ndeployers.toy.site = '/srv/site'\n")
    written = run(installed, "-m", "translator.cli", file, "-p", GATED, "-t", "airflow", "--config", settings)
    assert 'deployer=deployer("toy", site="/srv/site")' in written
    settings.write_text("[defaults]\ndeployer = 'toy'\ndeployers.toy.size = 1\n")
    refused = run(installed, "-m", "translator.cli", file, "-p", GATED, "-t", "airflow", "--config", settings, status=1)
    assert "the deployer toy does not have a setting 'size'" in refused


def test_a_package_that_is_broken_is_named(installed: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "site" / "toy" / "__init__.py").write_text("import nothing_like_this\n")
    said = run(installed, "-m", "translator.cli", "check", FILE, status=2)
    assert "the dialect 'toy' cannot be loaded: No module named 'nothing_like_this'" in said


OURS = {
    "loom": "loom/loops.yaml",
    "magnus": "magnus/nested.yaml",
    "runnable": "runnable/turns.yaml",
    "valohai": "training.yaml",
}


@pytest.mark.parametrize("dialect", registry.names(registry.DIALECTS))
def test_ours_conform(dialect: str) -> None:
    assert conformance.dialect(dialect, [ROOT / "tests" / "goldens" / "cases" / OURS[dialect]]) == []
