"""What the compiler has to say about a file: findings with a place, and how they are shown."""

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
from translator.diagnostics.machine import as_json, sarif
from translator.diagnostics.terminal import printable, text

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
    "printable",
    "sarif",
    "text",
]
