"""Values that look like a secret, and would stand in generated code."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from translator.checks.values import scalars
from translator.diagnostics import Diagnostic, Severity
from translator.shim.uris import shown, with_password

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline

_SECRET = re.compile(
    r"(?:^|[_-])(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTH_?KEY)"
    r"(?:$|[_-]|S$)",
    re.IGNORECASE,
)


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable of that name, with that literal value, is likely a secret in a file."""
    return bool(value.strip()) and _SECRET.search(name) is not None


def check(pipeline: Pipeline, diagnostics: Diagnostics) -> None:
    """Check the URIs in a pipeline for passwords and tokens; see ``translator.checks.check``."""
    for value, place in scalars(pipeline):
        for uri in with_password(value) if isinstance(value, str) else ():
            message = f"{shown(uri)} holds a password or a token, which would stand in generated code"
            hint = "leave it out and set it where the steps run, or give the whole address when a run starts"
            diagnostics.add(Diagnostic("literal-secret", Severity.WARNING, message, place, hint, quote=False))
