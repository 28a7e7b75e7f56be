"""Read YAML files beside a pipeline file: parameters and inputs of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.diagnostics import SourceText
from translator.source.parser import parse
from translator.source.scalars import Rules
from translator.source.text import read_text

if TYPE_CHECKING:
    from pathlib import Path

    from translator.diagnostics import Diagnostics
    from translator.source.located import Located


def read_file(path: Path, sources: dict[str, SourceText], diagnostics: Diagnostics) -> Located | None:
    """Return the value of a file, by the rules of YAML 1.2; None if it cannot be read.

    Args:
        path: the file.
        sources: receives its text.
        diagnostics: receives what is wrong with it.
    """
    text = read_text(path, diagnostics)
    if text is None:
        return None
    name = path.name if path.name not in sources else str(path)
    sources[name] = SourceText(str(path), text)
    return parse(text, name, diagnostics, Rules.YAML_1_2)
