"""Check values that engines cannot store: NaN, infinity, NUL, integers of more than 64 bits."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from enum import Enum
from typing import TYPE_CHECKING

from translator.ir import LARGEST_INTEGER
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.diagnostics import Diagnostics
    from translator.ir import Pipeline


def check(pipeline: Pipeline, diagnostics: Diagnostics) -> None:
    """Check every value of a pipeline; see ``translator.checks.check``."""
    if unfit(pipeline.file) is not None:
        message = "the file's name is not UTF-8, so generated code cannot contain it"
        diagnostics.error("bad-character", message, pipeline.span, hint="rename the file")
        pipeline = dataclasses.replace(pipeline, file="")
    for value, place in scalars(pipeline, pipeline.span):
        reason = unfit(value)
        if reason is not None:
            code, message = reason
            diagnostics.error(code, message, place)


def scalars(whole: object, span: Span) -> Iterator[tuple[str | int | float, Span]]:
    """Yield every scalar of a pipeline, or of a part of one, with the nearest known location; ``span`` at the least."""
    seen: set[int] = set()
    stack: list[tuple[object, Span]] = [(whole, span)]
    while stack:
        value, place = stack.pop()
        if isinstance(value, (str, int, float)):
            yield value, place
        elif value is not None and id(value) not in seen:
            seen.add(id(value))
            stack.extend(_parts(value, place))


def unfit(value: object) -> tuple[str, str] | None:
    """Return why the engines cannot store a scalar, as a code and a message; None if they can."""
    match value:
        case bool() | None:
            return None
        case float() if not math.isfinite(value):
            return "not-finite", f"{value} is not a finite number, so the engines cannot store it"
        case int() if abs(value) > LARGEST_INTEGER:
            return "large-number", "the integer has more than 64 bits, so the engines cannot store it"
        case str() if "\0" in value:
            return (
                "nul-character",
                f"the text {value[:40]!r} contains a NUL character, so databases and commands cannot use it",
            )
        case str() if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            return "bad-character", f"the text {value[:40]!r} contains a lone surrogate"
        case _:
            return None


def _parts(value: object, place: Span) -> Iterator[tuple[object, Span]]:
    """Yield the parts of a value, each with the nearest known location."""
    if isinstance(value, (Span, Enum)):
        return
    if dataclasses.is_dataclass(value):
        own = getattr(value, "span", None)
        for field in dataclasses.fields(value):
            yield getattr(value, field.name), own if isinstance(own, Span) else place
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield key, place
            yield part, place
    elif isinstance(value, tuple):
        for part in value:
            yield part, place
