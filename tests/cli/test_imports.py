"""Test what a command imports: each package costs every start of it."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TRAINING = str(ROOT / "tests" / "goldens" / "cases" / "training.yaml")
VENDOR = {"valohai_yaml", "leval", "yaml"}
"""The vendor's parser, with what it imports."""
SCHEMA = {"jsonschema", "jsonschema_specifications", "referencing", "rpds", "attr", "attrs"}
"""The validator of the vendor's schema."""
FORMATS = {"idna", "jsonpointer", "rfc3339_validator", "rfc3987", "rfc3986_validator", "webcolors", "uri_template"}
FORMATS |= {"fqdn", "isoduration", "arrow", "dateutil", "six", "typing_extensions", "rfc3987_syntax", "lark"}
"""What jsonschema also imports where it is installed."""
TEMPLATES = {"jinja2", "markupsafe"}
ALL = VENDOR | SCHEMA | FORMATS | TEMPLATES
COMPILER = {"checks", "cli", "config", "diagnostics", "dialects", "errors", "files", "graphs", "ir", "names", "nodes"}
COMPILER |= {"registry", "shim", "source", "span", "targets"}
SHIM = {"contract", "errors", "json_values", "loom", "masking", "process", "run_contract", "runners"}
CASES = [
    ([], set(), {"cli", "diagnostics", "errors", "shim", "span", "names", "files", "source"}, SHIM),
    (["--help"], set(), COMPILER, SHIM),
    (
        ["run", "--help"],
        set(),
        COMPILER | {"history", "run", "runtime"},
        SHIM | {"embedded", "files", "store", "workspace"},
    ),
    *(
        (
            [TRAINING, "--target", t],
            VENDOR | SCHEMA | FORMATS | TEMPLATES,
            COMPILER | {"load", "runtime"},
            SHIM | {"parameters"},
        )
        for t in ("airflow", "prefect")
    ),
]
CODE = """\
import sys
before = set(sys.modules)
from translator.cli import main
status = main(sys.argv[1:])
print(*sorted(set(sys.modules) - before), sep="\\n", file=sys.__stderr__)
"""


@pytest.mark.parametrize(("argv", "packages", "rooms", "shim"), CASES)
def test_only_what_a_command_needs_is_imported(argv, packages, rooms, shim):
    done = subprocess.run([sys.executable, "-c", CODE, *argv], capture_output=True, text=True, check=True)
    modules = {line for line in done.stderr.splitlines() if line.replace(".", "").replace("_", "").isalnum()}
    assert "translator.cli" in modules
    foreign = {name.partition(".")[0] for name in modules} - sys.stdlib_module_names - {"translator"}
    assert {name for name in foreign if not name.startswith("_")} - {"cython_runtime"} <= packages
    assert {name.split(".")[1] for name in modules if name.startswith("translator.")} <= rooms
    assert {name.split(".")[2] for name in modules if name.startswith("translator.shim.")} <= shim
    assert not {"asyncio", "http", "ssl", "multiprocessing", "unittest", "xml"} & modules


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
