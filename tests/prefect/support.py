"""Share small helpers among the tests of the Prefect target."""

from __future__ import annotations

import importlib.util
import itertools
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from prefect import Flow, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

from tests.processes import TELL
from translator.load import load, load_text
from translator.targets import GenerateOptions
from translator.targets import prefect as target

_numbers = itertools.count()


BUSY = 10
"""How much slower a machine may be while others use it."""


def compiled(text: str, folder: Path) -> Path:
    """Write the only pipeline of a YAML text, which is put beside it, as a flow; a translator.toml there counts.

    ``HERE_IT_IS`` in the text is the directory, and ``TELL`` as in ``tests.processes``. The project is an empty
    directory in it: in a namespace, commands cannot write to their project.
    """
    (folder / "project").mkdir(exist_ok=True)
    text = textwrap.dedent(text).replace("HERE_IT_IS", str(folder)).replace("TELL", TELL)
    (folder / "valohai.yaml").write_text(text)
    configured = (folder / "translator.toml").exists()
    loaded = load(folder / "valohai.yaml") if configured else load_text(text)
    assert loaded.diagnostics.ok, "\n".join(map(str, loaded.diagnostics))
    (pipeline,) = loaded.pipelines
    file = folder / target.file_name(pipeline)
    file.write_text(target.generate(pipeline, GenerateOptions(project="project")))
    return file


def flow_of(file: Path) -> Any:
    """Return the flow in a generated file."""
    name = f"generated_{next(_numbers)}"
    spec = importlib.util.spec_from_file_location(name, file)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    (flow,) = (value for value in vars(module).values() if isinstance(value, Flow))
    return flow


def is_alive(process: int) -> bool:
    """Return whether a process runs; an ended process that waits to be collected does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_for(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Return the result of ``condition`` once it is true; ``seconds`` are those of a quiet machine.

    What takes long is looked at less often: each look at a state costs the server more than a flow's own requests.
    """
    deadline = time.monotonic() + BUSY * seconds
    pause = 0.1
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(pause)
        pause = min(1.2 * pause, 0.5)
    raise AssertionError(f"waited {BUSY * seconds} s for {what}")


def task_runs(flow_run_id: Any, count: int) -> dict[str, Any]:
    """Return the task runs of a flow run by name, once the API has so many of them, all in final states."""

    def settled() -> dict[str, Any] | None:
        found = client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])))
        ended = all(run.state and run.state.is_final() for run in found)
        return {run.name: run for run in found} if len(found) >= count and ended else None

    with get_client(sync_client=True) as client:
        return wait_for(settled, 60, "the task runs to be recorded")
