"""Test what a command imports: each package costs every start of it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAINING = str(ROOT / "tests" / "goldens" / "cases" / "training.yaml")
COMPILER = {"checks", "cli", "config", "diagnostics", "dialects", "entry_points", "errors", "files", "graphs", "ir"}
COMPILER |= {"launch_inputs", "names", "nodes", "registry", "shim", "schedules", "source", "span", "targets"}
SHIM = {
    "catalogue",
    "contract",
    "errors",
    "files",
    "json_values",
    "loom",
    "masking",
    "process",
    "run_contract",
    "runners",
}
SHIM |= {"extensions", "variables"}
CASES = [
    ([], set(), {"cli", "diagnostics", "errors", "shim", "span", "names", "files", "source"}, SHIM),
    (["--help"], set(), COMPILER, SHIM),
    (
        ["run", "--help"],
        set(),
        COMPILER | {"history", "run", "runtime"},
        SHIM | {"embedded", "store", "variables", "workspace"},
    ),
    *(
        (
            ["training.yaml", "--target", t],
            {"yaml"},
            COMPILER | {"load", "runtime"},
            SHIM | {"parameters"},
        )
        for t in ("airflow", "prefect")
    ),
]
SLOW = {"email", "importlib.metadata", "json", "subprocess", "tempfile", "tomllib"}
"""Modules of the standard library that take long to import, and that only ``run`` needs."""
CODE = """\
import sys
before = set(sys.modules)
from translator.cli import main
status = main(sys.argv[1:])
print(*sorted(set(sys.modules) - before), sep="\\n", file=sys.__stderr__)
"""


@pytest.mark.parametrize(("argv", "packages", "rooms", "shim"), CASES)
def test_only_what_a_command_needs_is_imported(argv, packages, rooms, shim, tmp_path):
    shutil.copy(TRAINING, tmp_path)
    done = subprocess.run([sys.executable, "-c", CODE, *argv], capture_output=True, text=True, check=True, cwd=tmp_path)
    modules = {line for line in done.stderr.splitlines() if line.replace(".", "").replace("_", "").isalnum()}
    assert "translator.cli" in modules
    foreign = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"translator"}
    assert {name for name in foreign if not name.startswith("_")} - {"cython_runtime"} <= packages
    assert {name.split(".")[1] for name in modules if name.startswith("translator.")} <= rooms
    assert {name.split(".")[2] for name in modules if name.startswith("translator.shim.")} <= shim
    assert not {"asyncio", "http", "multiprocessing", "ssl", "unittest", "xml"} & modules
    if "run" not in argv:
        assert not SLOW & modules


def test_the_vendor_is_loaded_for_a_file_that_needs_it():
    argv = [str(ROOT / "tests" / "goldens" / "cases" / "edges.yaml"), "--target", "airflow"]
    done = subprocess.run([sys.executable, "-c", CODE, *argv], capture_output=True, text=True, check=True)
    assert {"valohai_yaml", "jsonschema"} <= {*done.stderr.splitlines()}


def test_a_drawing_loads_neither_past_runs_nor_engines():
    argv = ["graph", TRAINING]
    done = subprocess.run([sys.executable, "-c", CODE, *argv], capture_output=True, text=True, check=True)
    rooms = {line.split(".")[1] for line in done.stderr.splitlines() if line.startswith("translator.")}
    assert "graph" in rooms
    assert rooms <= COMPILER | {"graph", "load", "runtime"}
    assert "translator.graph.html" not in done.stderr.splitlines()


@pytest.mark.parametrize(("target", "other"), [("airflow", "prefect"), ("prefect", "airflow")])
def test_the_other_target_only_declares_its_options(target, other):
    argv = [TRAINING, "--target", target]
    done = subprocess.run([sys.executable, "-c", CODE, *argv], capture_output=True, text=True, check=True)
    start = f"translator.targets.{other}."
    assert {line for line in done.stderr.splitlines() if line.startswith(start)} == {f"{start}settings"}
