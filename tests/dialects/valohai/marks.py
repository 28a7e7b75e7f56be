"""Read cases that mark expected findings in the YAML: ``#! error unknown-node; warning missing-script``."""

import re
from pathlib import Path

from valohai_yaml.lint import lint

from translator.load import Loaded, load_text

_MARK = re.compile(r"#! (.*)$")
_ALWAYS = ("ignored-image",)

STEPS = """\
- step:
    name: make
    image: python:3.11
    command: python make.py {parameters}
    parameters:
      - {name: seed, type: integer, default: 1}
      - {name: tags, multiple: repeat, default: [a, b]}
    environment-variables:
      - {name: MODE, default: fast}
- step:
    name: use
    image: python:3.11
    command: python use.py {parameters}
    parameters:
      - {name: rate, type: float, default: 0.1, min: 0, max: 1}
      - {name: size, type: integer, default: 3, choices: [1, 2, 3]}
      - {name: verbose, type: flag}
    inputs:
      - {name: data}
      - {name: extra, optional: true}
    environment-variables:
      - {name: MODE}
"""


def expected(text: str) -> list[tuple[int, str]]:
    """Return the marks of a text: the line and "severity code"."""
    return sorted(
        (number, mark.strip())
        for number, line in enumerate(text.splitlines(), 1)
        if (found := _MARK.search(line))
        for mark in found.group(1).split(";")
    )


def found(loaded: Loaded) -> list[tuple[int, str]]:
    """Return the findings as marks."""
    return sorted(
        (d.span.line if d.span else 0, f"{d.severity} {d.code}") for d in loaded.diagnostics if d.code not in _ALWAYS
    )


def check(text: str, project: Path | None = None) -> Loaded:
    """Load a text and hold what is found against its marks."""
    loaded = load_text(text, project=project)
    assert found(loaded) == expected(text), "\n".join(str(d) for d in loaded.diagnostics)
    return loaded


def pipeline(nodes: str, edges: str = "[]", rest: str = "") -> str:
    """Return a file with the two steps above and a pipeline of these nodes, in flow style or indented."""
    return f"{STEPS}- pipeline:\n    name: P\n    nodes:\n{nodes}\n    edges: {edges}\n{rest}"


def assert_verdict(text: str) -> None:
    """Check that what the vendor's linter calls an error is an error here, except plural ports.

    Where it ends with its own exception it rejects the file, too.
    """
    try:
        theirs = [str(message["message"]) for message in lint(text, ansi_colors=False).errors]
    except Exception as error:  # noqa: BLE001 - it raises whatever it trips over
        theirs = [f"{type(error).__name__}: {error}"]
    plural = [m for m in theirs if any(f"type {kind}s " in m for kind in ("output", "input", "parameter"))]
    if len(theirs) > len(plural):
        assert not load_text(text).diagnostics.ok, theirs
