"""Write the file beside generated workflows that holds their schedules, for engines that keep them apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.cli.files import OutputError, write
from translator.targets import DeploysSchedules
from translator.targets.render import MARKER

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from pathlib import Path

    from translator.ir import Pipeline
    from translator.targets import Target

_LARGEST = 4 << 20


def write_deployment(  # noqa: PLR0913 - all but the first four are keywords
    file: Path,
    source: str,
    pipeline: Pipeline,
    target: Target,
    *,
    force: bool,
    warn: Callable[[str], None],
    coming: Container[Path],
) -> Path | None:
    """Write the schedule of a generated workflow beside it, if its engine wants it there.

    Workflows whose files are gone are removed, because the engine's command would fail for all.

    Args:
        file: the workflow's file.
        source: its text.
        pipeline: the pipeline.
        target: the engine.
        force: whether to replace a file that is not ours.
        warn: reports the workflows that are removed.
        coming: workflows that are written now, too, perhaps later.

    Returns:
        The file that was written, if any.

    Raises:
        TranslatorError: the existing file is not ours, or it cannot be read or written.
    """
    if not isinstance(target, DeploysSchedules):
        return None
    beside = file.with_name(target.DEPLOYMENTS)
    before, gone = target.without_gone(_existing(beside), lambda name: _is_there(file.with_name(name), coming))
    text = target.with_deployment(pipeline, source, file.name, before, force=force)
    for name in gone:
        warn(f"{beside}: removed the deployment of {name}, which is gone; if you deployed it, delete it there, too")
    if text is None and not gone:
        return None
    if text is None and before is None:
        beside.unlink()
        return None
    write(beside, text or before or "", marker=MARKER, force=True)  # the target has compared it with its own
    return beside


def _is_there(file: Path, coming: Container[Path]) -> bool:
    return file in coming or file.exists()


def _existing(file: Path) -> str | None:
    """Return the text of a file; None if it does not exist."""
    try:
        with file.open("rb") as stream:
            return stream.read(_LARGEST).decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    except OSError as error:
        raise OutputError(f"cannot read {file}: {error.strerror or error}") from None
