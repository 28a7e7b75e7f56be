"""Evaluate the expressions of ``multi_pass``: numbers, strings, comparisons and Loom's functions.

Loom hands them to Python's ``eval``; here only what needs no more than arithmetic is computed, anything else refused.
"""

from __future__ import annotations

import ast
import operator
from typing import TYPE_CHECKING, Any

from translator.errors import TranslatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "min": min,
    "max": max,
    "abs": abs,
    "round": round,
    "int": int,
    "float": float,
}
_LONGEST = 1000
_LARGEST = 10**18
_HIGHEST_POWER = 64

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
_UNARY: Mapping[type[ast.unaryop], Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
}
_COMPARE: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


class ExpressionError(TranslatorError, ValueError):
    """An expression that cannot be computed; the message is for the user."""


def evaluate(text: str, names: Mapping[str, object]) -> object:
    """Compute an expression.

    Args:
        text: the expression.
        names: ``iter`` and the earlier parameters.

    Raises:
        ExpressionError: it is not an expression, is not supported, or fails.
    """
    if len(text) > _LONGEST:
        raise ExpressionError("the expression is too long")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        return _value(tree.body, names)
    except (SyntaxError, RecursionError, MemoryError):
        raise ExpressionError("not a Python expression") from None
    except (ArithmeticError, TypeError, ValueError, IndexError) as error:
        raise ExpressionError(str(error)) from None


def _value(node: ast.expr, names: Mapping[str, object]) -> Any:  # noqa: C901, PLR0911, PLR0912 - one case per kind of node
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.Name(id=name):
            if name not in names:
                raise ExpressionError(f"{name!r} is not defined; available names: {', '.join(names)}")
            return names[name]
        case ast.UnaryOp(op=unary, operand=operand) if type(unary) in _UNARY:
            return _UNARY[type(unary)](_value(operand, names))
        case ast.BinOp(left=left, op=binary, right=right) if type(binary) in _BINARY:
            return _binary(binary, _value(left, names), _value(right, names))
        case ast.BoolOp(op=ast.And(), values=values):
            return _last(values, names, until=False)
        case ast.BoolOp(op=ast.Or(), values=values):
            return _last(values, names, until=True)
        case ast.Compare(left=left, ops=ops, comparators=comparators) if all(type(op) in _COMPARE for op in ops):
            values = [_value(one, names) for one in (left, *comparators)]
            return all(_COMPARE[type(op)](a, b) for op, a, b in zip(ops, values, values[1:], strict=False))
        case ast.IfExp(test=test, body=body, orelse=otherwise):
            return _value(body if _value(test, names) else otherwise, names)
        case ast.List(elts=elements) | ast.Tuple(elts=elements):
            return [_value(one, names) for one in elements]
        case ast.Subscript(value=owner, slice=index):
            return _value(owner, names)[_value(index, names)]
        case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]) if function in FUNCTIONS:
            return FUNCTIONS[function](*(_value(one, names) for one in arguments))
        case _:
            raise ExpressionError(f"not supported in an expression: {ast.unparse(node)[:60]!r}")


def _binary(op: ast.operator, left: Any, right: Any) -> Any:
    numbers = isinstance(left, (int, float)) and isinstance(right, (int, float))
    if isinstance(op, ast.Pow) and not (numbers and abs(left) <= _LARGEST and abs(right) <= _HIGHEST_POWER):
        raise ExpressionError("the power is too large")
    if isinstance(op, (ast.Mult, ast.Mod)) and not numbers:
        raise ExpressionError("only numbers can be multiplied")
    return _BINARY[type(op)](left, right)


def _last(values: list[ast.expr], names: Mapping[str, object], *, until: bool) -> Any:
    value: Any = None
    for one in values:
        value = _value(one, names)
        if bool(value) is until:
            break
    return value
