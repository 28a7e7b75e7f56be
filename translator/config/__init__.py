"""Read ``translator.toml``: what a platform team decides about where and how the nodes of pipelines run.

A target declares the keys of its own table (``translator.config.keys``); nothing here knows an engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from translator.config.apply import configure
from translator.config.files import find, read
from translator.config.levels import NO_CONFIG, Config, read_config
from translator.config.unmet_requests import report_unmet_requests
from translator.config.unused import check_names

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from translator.config.keys import TargetKeys
    from translator.diagnostics import Diagnostics, SourceText

__all__ = ["NO_CONFIG", "Config", "Configured", "check_names", "configure", "configured", "report_unmet_requests"]


@dataclass(frozen=True, slots=True)
class Configured:
    """The configuration that counts for a pipeline file, if there is one, and its text by ``Span.file``."""

    config: Config = NO_CONFIG
    sources: Mapping[str, SourceText] = field(default_factory=dict)


def configured(
    folder: Path, file: Path | None, targets: Callable[[], Mapping[str, TargetKeys]], diagnostics: Diagnostics
) -> Configured:
    """Return the configuration that counts for a pipeline file.

    Args:
        folder: the directory of the pipeline file.
        file: the configuration file, instead of the nearest one.
        targets: returns the keys of the installed targets, by name.
        diagnostics: receives what is wrong with it.
    """
    document, text = find(folder, diagnostics) if file is None else read(file, diagnostics)
    sources = {} if text is None else {text.path.replace("\\", "/").rpartition("/")[2]: text}
    if document is None:
        return Configured(sources=sources)
    return Configured(read_config(document, targets(), diagnostics), sources)
