"""Convert plain YAML values to values of the IR."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from translator.diagnostics import Diagnostics
    from translator.ir import Scalar, Value
    from translator.source import Located


def scalar(value: Located, what: str, diagnostics: Diagnostics) -> Scalar:
    """Read a scalar; a date is treated as the string that was written.

    Args:
        value: the value.
        what: its description for messages ("the default of parameter 'lr'").
        diagnostics: receives an error for lists and mappings, for which the result is None.
    """
    plain = value.value
    if plain is None or isinstance(plain, (str, bool, int, float)):
        return plain
    if isinstance(plain, (dt.date, dt.datetime)):
        message = f"YAML reads {value.text} as a date; {what} is treated as a string"
        diagnostics.warning("date-as-text", message, value.span, hint=f'quote it: "{value.text}"')
        return value.text
    kind = "a list" if value.items is not None else "a mapping"
    diagnostics.error("bad-value", f"{what} cannot be {kind}", value.span)
    return None


def value_of(value: Located, what: str, diagnostics: Diagnostics) -> Value:
    """Read a scalar or a list of scalars, which becomes a tuple."""
    if value.items is None:
        return scalar(value, what, diagnostics)
    return tuple(scalar(item, f"an item of {what}", diagnostics) for item in value.items)


def texts(value: Located | None) -> tuple[str, ...]:
    """Return a string or a list of strings as a tuple."""
    if value is None or value.value is None:
        return ()
    if value.items is not None:
        return tuple(str(item.value) for item in value.items)
    return (str(value.value),)
