"""Run a step as the user who runs this program; arguments: the store, the project, the command."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[4]))

from translator.shim.contract import Context, ExecutionId, Step
from translator.shim.execution import execute
from translator.shim.runners.process import namespace

uri, project, command = sys.argv[1:]
print("way", namespace.find(), flush=True)
context = Context(
    ExecutionId("p", "r", "n"), uri, Path(project), "prefect", lambda line: print("log", line, flush=True)
)
manifest = execute(Step("s", [command]), context)
print("end", manifest.state, manifest.reason, [file.path for file in manifest.outputs])
