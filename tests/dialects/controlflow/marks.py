"""Read cases that mark expected findings in the YAML: ``#! error unknown-node; warning unreachable-node``."""

import textwrap
from pathlib import Path

from tests.dialects.valohai.marks import expected
from translator.load import Loaded, load_text

ENDS = "success: {type: success}\nfail: {type: fail}\n"


def magnus(steps: str, start: str = "a", ends: str = ENDS) -> str:
    """Return a Magnus file with these steps."""
    return _file(steps + "\n" + ends, start)


def runnable(steps: str, start: str = "a") -> str:
    """Return a runnable file with these steps."""
    return _file(steps, start)


def _file(steps: str, start: str) -> str:
    return f"dag:\n  start_at: {start}\n  steps:\n" + textwrap.indent(steps.strip() + "\n", "    ")


def branch(steps: str, start: str = "s") -> str:
    """Return a graph of Magnus in flow style, for use in a step."""
    return f"{{start_at: {start}, steps: {{{steps}, success: {{type: success}}, fail: {{type: fail}}}}}}"


def found(loaded: Loaded) -> list[tuple[int, str]]:
    """Return the findings as marks."""
    return sorted((d.span.line if d.span else 0, f"{d.severity} {d.code}") for d in loaded.diagnostics)


def check(text: str, dialect: str, project: Path | None = None) -> Loaded:
    """Load a text and hold what is found against its marks."""
    loaded = load_text(text, "pipe.yaml", project, dialect=dialect)
    assert found(loaded) == expected(text), "\n".join(str(d) for d in loaded.diagnostics)
    return loaded
