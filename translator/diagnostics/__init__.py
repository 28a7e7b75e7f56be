"""Collect findings about a file, and show them."""

from translator.diagnostics.findings import (
    LINE_BREAK,
    MAX_ERRORS,
    Diagnostic,
    Diagnostics,
    Severity,
    SourceText,
    TooManyErrors,
    TranslationError,
)
from translator.diagnostics.github import github
from translator.diagnostics.machine import as_json, sarif
from translator.diagnostics.terminal import columns, printable, text

__all__ = [
    "LINE_BREAK",
    "MAX_ERRORS",
    "Diagnostic",
    "Diagnostics",
    "Severity",
    "SourceText",
    "TooManyErrors",
    "TranslationError",
    "as_json",
    "columns",
    "github",
    "printable",
    "sarif",
    "text",
]
