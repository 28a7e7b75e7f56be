"""Find values that look like a secret and would appear in generated code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.checks.values import scalars
from translator.diagnostics import Diagnostic, Severity
from translator.shim.masking.uris import redact, with_password

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline


def check(pipeline: Pipeline, diagnostics: Diagnostics) -> None:
    """Check the URIs in a pipeline for passwords and tokens; see ``translator.checks.check``."""
    for value, place in scalars(pipeline, pipeline.span):
        for uri in with_password(value) if isinstance(value, str) else ():
            message = f"{redact(uri)} contains a password or token, which would appear in generated code"
            hint = "leave it out and set it on the workers, or pass the whole URL when a run starts"
            diagnostics.add(Diagnostic("literal-secret", Severity.WARNING, message, place, hint, quote=False))
