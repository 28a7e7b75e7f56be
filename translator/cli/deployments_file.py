"""Write the file beside generated workflows that holds their schedules, for engines that keep them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.cli.files import OutputError, write
from translator.targets import DeploysSchedules
from translator.targets.render import MARKER

if TYPE_CHECKING:
    from pathlib import Path

    from translator.ir import Pipeline
    from translator.targets import Target

_LARGEST = 4 << 20


def write_deployment(file: Path, source: str, pipeline: Pipeline, target: Target, *, force: bool) -> Path | None:
    """Write the schedule of a generated workflow beside it, if its engine wants it there.

    Args:
        file: the workflow's file.
        source: its text.
        pipeline: the pipeline.
        target: the engine.
        force: whether to replace a file that is not ours.

    Returns:
        The file that was written, if any.

    Raises:
        TranslatorError: the existing file is not ours, or it cannot be read or written.
    """
    if not isinstance(target, DeploysSchedules):
        return None
    beside = file.with_name(target.DEPLOYMENTS)
    text = target.with_deployment(pipeline, source, file.name, _existing(beside), force=force)
    if text is None:
        return None
    write(beside, text, marker=MARKER, force=True)  # the target has compared it with what it writes itself
    return beside


def _existing(file: Path) -> str | None:
    """Return the text of a file; None if it does not exist."""
    try:
        with file.open("rb") as stream:
            return stream.read(_LARGEST).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"cannot read {file}: {error.strerror or error}") from None
