"""Evaluate conditions of actions with ``leval``, Valohai's own evaluator.

Its common evaluator knows names with dashes, compares numbers with numbers that are written as strings, and has the
functions ``abs``, ``min`` and ``max``. Valohai's documents name two sources: ``metadata.KEY`` and ``parameter.NAME``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from translator.shim.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

METADATA, PARAMETER = "metadata", "parameter"
"""The sources of values in conditions."""


_OBJECT = re.compile(r"<ast\.(\w+) object at 0x\w+>")
_NO_VALUE = re.compile(r"No value (.+)", re.DOTALL)
_PART = re.compile(r"[^\s'(),]+")
_DASH, _KEYWORD = "\u203f\u203f", "K\u203f"
"""How ``leval`` rewrites dashes and Python's keywords in names."""


class ConditionError(TranslatorError, ValueError):
    """A condition that cannot be evaluated."""


def holds(condition: str, *, metadata: Mapping[str, object], parameters: Mapping[str, object]) -> bool:
    """Return whether a condition holds.

    Args:
        condition: an expression of ``leval``.
        metadata: the metadata of an execution: the last value of each key. A key of a nested object has a dotted name.
        parameters: the values of its parameters.

    Raises:
        ConditionError: the condition cannot be evaluated: a key does not exist, or its value has another type.
    """
    longest = condition.count(".") + 1
    try:
        values = {**dict(_flat(METADATA, metadata, longest)), **dict(_flat(PARAMETER, parameters, longest))}
        return bool(_evaluator().evaluate(condition, values))
    except Exception as error:  # noqa: BLE001 - whatever it raises is about the expression or its values
        raise ConditionError(f"{condition!r}: {_reason(error)}") from None


def is_met(condition: str, metadata: Mapping[str, object]) -> bool:
    """Return whether a condition that names keys of metadata alone holds.

    It does not while it cannot be evaluated, or while one of its keys does not exist: ``not loss`` says nothing before
    there is a loss.

    Args:
        condition: an expression of ``leval``: ``accuracy > 0.9``.
        metadata: the metadata of an execution so far.
    """
    values = {}
    for (_, *key), value in _flat(METADATA, metadata, condition.count(".") + 2):
        values[tuple(key) if len(key) > 1 else key[0]] = value
    try:
        used = {name if len(name) > 1 else name[0] for name in names(condition)}
        return used <= values.keys() and bool(_evaluator().evaluate(condition, values))
    except Exception:  # noqa: BLE001 - whatever it raises is about the expression or its values
        return False


def names(condition: str) -> list[tuple[str, ...]]:
    """Return the dotted names in a condition, and its unknown functions as ``(NAME, "()")``.

    Raises:
        ConditionError: it is not a valid expression.
    """
    from leval.extras.common_boolean_evaluator import CommonBooleanEvaluator
    from leval.universe.verifier import VerifierUniverse

    seen: dict[tuple[str, ...], None] = {}

    class Names(VerifierUniverse):
        """Collect names instead of looking them up."""

        def get_value(self, name: str | tuple[str, ...]) -> bool:
            parts = (name,) if isinstance(name, str) else name
            seen[tuple(part.replace(_DASH, "-").replace(_KEYWORD, "") for part in parts)] = None
            return True

        def evaluate_function(self, name: str, arg_getters: Any) -> Any:
            if name not in CommonBooleanEvaluator.functions:
                seen[name, "()"] = None
            return super().evaluate_function(name, arg_getters)

    evaluator = CommonBooleanEvaluator()
    evaluator.verifier_universe_class = Names
    try:
        evaluator.verify(condition)
    except Exception as error:  # noqa: BLE001 - whatever it raises is about the expression
        raise ConditionError(_reason(error)) from None
    return list(seen)


def missing(condition: str, metadata: Mapping[str, object]) -> list[str]:
    """Return the keys of metadata that a condition uses and that do not exist.

    Args:
        condition: an expression of ``leval``.
        metadata: the metadata of an execution, as for ``holds``.

    Raises:
        ConditionError: it is not a valid expression.
    """
    used = [name for name in names(condition) if name[0] == METADATA]
    existing = dict(_flat(METADATA, metadata, max(map(len, used), default=0)))
    return [".".join(name[1:]) for name in used if name not in existing]


def _evaluator() -> Any:
    from leval.extras.common_boolean_evaluator import CommonBooleanEvaluator

    evaluator = CommonBooleanEvaluator()
    evaluator.max_time = 0  # a busy worker must not change the result
    return evaluator


def _flat(source: str, values: Mapping[str, object], longest: int) -> Iterator[tuple[tuple[str, ...], object]]:
    """Yield names with values, without recursion: metadata may be nested as deep as its JSON.

    Args:
        source: the first part of all names.
        values: the values by key.
        longest: the number of parts of the longest name that is of interest.
    """
    stack: list[tuple[tuple[str, ...], Iterator[tuple[str, object]]]] = [((source,), iter(values.items()))]
    while stack:
        prefix, items = stack[-1]
        for key, value in items:
            name = (*prefix, *str(key).split("."))
            if len(name) > longest:
                continue
            yield name, value
            if isinstance(value, Mapping):
                stack.append((name, iter(value.items())))
                break
        else:
            stack.pop()


def _reason(error: BaseException) -> str:
    """Return a message for people, without positions in an expression that ``leval`` has rewritten."""
    if isinstance(error, SyntaxError):
        return error.msg or "invalid syntax"
    if isinstance(error, RecursionError | MemoryError):
        return "it is nested too deeply"
    text = _OBJECT.sub(r"\1", str(error) or type(error).__name__)
    missing = _NO_VALUE.match(text)
    if missing is not None:
        return f"there is no {'.'.join(_PART.findall(missing[1]))}".replace(_DASH, "-").replace(_KEYWORD, "")
    return f"{text[:1].lower()}{text[1:]}"
