"""Say which part of a pipeline runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from translator.ir import Pipeline


def part_text(pipeline: Pipeline) -> str | None:
    """Return what is left out of a part of a pipeline, and what replaces it; None for a whole pipeline."""
    part = pipeline.part
    if part is None:
        return None
    names = [node.name for node in pipeline.earlier]
    listed = ", ".join(node.name for node in part.left_out)
    which = "the latest earlier run" if part.run is None else f"the run {part.run}"
    taken = f"; files and values of {', '.join(names)} come from {which}" if names else ""
    if part.after:
        places = " or ".join(f"{name}{'' if outcome == 'complete' else ' failed'}" for name, outcome in part.after)
        taken = f"; it starts with the parameters and files of {which}, as they were there after {places}"
    return f"left out: {listed}{taken}"
