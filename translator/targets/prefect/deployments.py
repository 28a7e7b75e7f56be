"""Write ``prefect.yaml``, from which ``prefect deploy --all`` makes deployments with schedules.

The file is beside the flows, has one deployment for each, and is ours as a whole: deployments are added to it only if
it is exactly as we write it. It holds no text of a pipeline, because Prefect substitutes ``{{ }}`` in its values.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from translator.errors import TranslatorError
from translator.targets.matrix import decorated_function
from translator.targets.prefect.settings import DEPLOYMENTS as FILE
from translator.targets.prefect.settings import of_flow
from translator.targets.render import MARKER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from translator import ir

DEPLOYMENT = "default"
"""The name of a flow's deployment: a flow's name already tells it from those of other flows."""
_HEADER = f"""\
{MARKER}: the schedules of the flows in this directory.
# Edit translator.toml, not this file. Deploy with `prefect deploy --all`, in this directory.
deployments:
"""
_FLOW_FILE = r"[A-Za-z0-9_.-]+\.py"
_VALUE = r'"[^"\\{}\n]+"'
_ENTRY = re.compile(
    rf"  - name: {DEPLOYMENT}\n"
    rf"    entrypoint: (?P<file>{_FLOW_FILE}):[A-Za-z0-9_]+\n"
    rf"(?:    work_pool:\n      name: {_VALUE}\n)?"
    rf"    schedules:\n"
    rf"(?P<schedule>      - cron: {_VALUE}\n        timezone: {_VALUE}\n)"
    r"(?:        active: false\n)?"
)


class DeploymentsError(TranslatorError):
    """A ``prefect.yaml`` that is not ours, or a flow that it cannot name."""


def with_deployment(pipeline: ir.Pipeline, source: str, file: str, before: str | None, *, force: bool) -> str | None:
    """Return the text of ``prefect.yaml`` with the deployment of a flow; None if it need not be written.

    A flow without a schedule is in it only if it had one before. That schedule stays, inactive: Prefect keeps the
    schedules of a deployment if an empty list replaces them.

    Args:
        pipeline: the pipeline.
        source: the text of the flow's file.
        file: the name of that file.
        before: the text that the file has now, if it exists.
        force: whether to replace a file that is not ours.

    Raises:
        DeploymentsError: the file is not ours, or Prefect would not read the name of the flow's file as it is.
    """
    entries = _entries(before)
    schedule = _schedule(pipeline.schedule, (entries or {}).get(file))
    if schedule is None:
        return None
    if not re.fullmatch(_FLOW_FILE, file):
        raise DeploymentsError(
            f"{FILE} not written: it cannot name the flow's file {file!r}",
            "choose a name of letters, digits, dots, dashes and underscores with -o",
        )
    entry = _entry(pipeline, f"{file}:{decorated_function(source, 'flow')}", schedule)
    if entries is None:
        if not force:
            message = f"{FILE} not written: the existing file is not as we write it"
            raise DeploymentsError(message, f"replace it with --force, or add this to its deployments:\n{entry}")
        entries = {}
    return _HEADER + "".join(text for _, text in sorted({**entries, file: entry}.items()))


def without_gone(before: str | None, exists: Callable[[str], bool]) -> tuple[str | None, Sequence[str]]:
    """Return the text of ``prefect.yaml`` without deployments whose flow's file is gone, and the names of these files.

    A text that is not exactly as we write it stays as it is. The text is None if nothing is left of it.

    Args:
        before: the text that the file has now, if it exists.
        exists: returns whether a file exists beside it.
    """
    entries = _entries(before)
    if before is None or entries is None:
        return before, ()
    gone = [file for file in entries if not exists(file)]
    kept = "".join(entry for file, entry in entries.items() if file not in gone)
    return (_HEADER + kept if kept else None), gone


def _entries(text: str | None) -> dict[str, str] | None:
    """Return the deployments by the names of their files; None if the text is not exactly as we write it."""
    if text is None:
        return {}
    entries = {found["file"]: found.group() for found in _ENTRY.finditer(text)}
    return entries if text == _HEADER + "".join(entries.values()) else None


def _schedule(schedule: ir.Schedule | None, before: str | None) -> str | None:
    """Return the schedule of a deployment; None if it has none, and had none in its entry before."""
    if schedule is not None and schedule.cron is not None:
        return f'      - cron: "{schedule.cron}"\n        timezone: "{schedule.timezone}"\n'
    found = _ENTRY.fullmatch(before) if before is not None else None
    return f"{found['schedule']}        active: false\n" if found else None


def _entry(pipeline: ir.Pipeline, entrypoint: str, schedule: str) -> str:
    work_pool = of_flow(pipeline).get("work_pool")
    pool = f'    work_pool:\n      name: "{work_pool}"\n' if work_pool is not None else ""
    entry = f"  - name: {DEPLOYMENT}\n    entrypoint: {entrypoint}\n{pool}    schedules:\n{schedule}"
    if not _ENTRY.fullmatch(entry):
        raise DeploymentsError(f"{FILE} not written: it cannot hold {entry!r}")  # a mistake of ours
    return entry
