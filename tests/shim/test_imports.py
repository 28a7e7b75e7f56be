"""Test which modules the shim loads, because workers pay for them in each task."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = ["fsspec", "yaml", "valohai_yaml", "jsonschema", "jinja2", "asyncio", "urllib.request", "http.client", "uuid"]
HEAVY += ["airflow", "docker", "kubernetes", "prefect", "requests"]
COMPILER = ["translator.ir", "translator.source", "translator.names", "translator.diagnostics", "translator.semantics"]

PLAIN = """
import sys, json
from pathlib import Path
from translator.shim.contract import Context, ExecutionId, Parameter, Step
from translator.shim.execution import execute
context = Context(ExecutionId("p", "r", "n"), sys.argv[1], Path(sys.argv[1]), "prefect", lambda line: None)
step = Step("s", ["true"], parameters=[Parameter("lr", "float", 0.1)])
assert execute(step, context, parameters={}, inputs={}).state == "complete"
"""


@pytest.mark.parametrize(
    "program",
    [
        "import translator.shim",
        (
            "import translator.shim.execution, translator.shim.inputs.edges, translator.shim.parameters.grid"
            ", translator.shim.outcome.run_record, translator.shim.store.manifest, translator.shim.store"
            ", translator.shim.embedded.events, translator.shim.parameters, translator.shim.runners.docker"
            ", translator.shim.runners.kubernetes"
        ),
        PLAIN,
    ],
    ids=["contract", "all", "execution"],
)
def test_nothing_heavy_is_loaded(program: str, tmp_path) -> None:
    (tmp_path / "work").mkdir()
    shown = f"{program}\nimport sys, json; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", shown, str(tmp_path)], capture_output=True, text=True, check=True,
        env={"PATH": "/bin:/usr/bin", "TRANSLATOR_WORK": str(tmp_path / "work")},
    )  # fmt: skip
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    bare = subprocess.run(
        [sys.executable, "-c", "import sys, json; print(json.dumps(sorted(sys.modules)))"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert not (set(HEAVY) | set(COMPILER)) & (loaded - set(json.loads(bare.stdout)))
