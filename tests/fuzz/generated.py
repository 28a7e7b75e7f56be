"""List what a generated file may consist of; anything else is text of the pipeline file that became code."""

from __future__ import annotations

import ast
import builtins
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_NODES = frozenset(
    {
        *(
            "Module",
            "Expr",
            "Assign",
            "AnnAssign",
            "Return",
            "If",
            "IfExp",
            "For",
            "Break",
            "With",
            "withitem",
            "Match",
            "match_case",
        ),
        *(
            "MatchValue",
            "FunctionDef",
            "ClassDef",
            "arguments",
            "arg",
            "ImportFrom",
            "alias",
            "Call",
            "keyword",
            "Attribute",
        ),
        *(
            "Subscript",
            "Name",
            "Load",
            "Store",
            "Constant",
            "List",
            "Dict",
            "Tuple",
            "Starred",
            "BinOp",
            "RShift",
            "BitOr",
        ),
        *("UnaryOp", "Not", "USub", "Compare", "Eq", "Gt", "JoinedStr", "FormattedValue", "Div", "Pass", "Yield"),
    }
)
_MODULES = ("airflow.", "airflow_plugin", "prefect", "prefect_plugin", "translator.shim")
_STANDARD = frozenset({"collections.abc", "datetime", "itertools", "pathlib", "pydantic", "typing", "zoneinfo"})
_BUILTINS = frozenset({"__file__", "__name__", "bool", "dict", "float", "int", "list", "range", "str"})
_ATTRIBUTES = frozenset(
    {
        *(
            "ALL_DONE",
            "ALL_SUCCESS",
            "ALL_DONE_MIN_ONE_SUCCESS",
            "NONE_FAILED_MIN_ONE_SUCCESS",
            "ITEM",
            "Loop",
            "OUTPUT",
            "append",
            "batches",
            "collect",
        ),
        *(
            "condition",
            "default",
            "expand",
            "files",
            "for_each",
            "grid",
            "inputs",
            "leave_out",
            "map",
            "members",
            "metadata",
            "model_validate",
            "output",
            "outputs",
            "parameter",
        ),
        *("params", "parent", "partial", "path", "result", "run", "script", "submit", "update", "with_options"),
    }
)


def foreign(source: str, siblings: Collection[str] = ()) -> Iterator[str]:
    """Say what of a generated file no template could have written.

    Args:
        source: the text of the file.
        siblings: the modules that are generated beside it.

    Raises:
        SyntaxError: it is not Python, or Python warns of it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile(source, "generated.py", "exec", dont_inherit=True)
    tree = ast.parse(source)
    bound = set(_bound(tree)) | _BUILTINS
    for node in ast.walk(tree):
        kind = type(node).__name__
        place = f"line {getattr(node, 'lineno', '?')}"
        if kind not in _NODES:
            yield f"{kind} in {place}"
        if isinstance(node, ast.ImportFrom):
            module = node.module or ""
            if node.level or not (module in _STANDARD or module.startswith(_MODULES) or module in siblings):
                yield f"import of {module} in {place}"
        elif isinstance(node, ast.Name) and node.id not in bound:
            yield f"the name {node.id} in {place}"
        elif isinstance(node, ast.Attribute) and node.attr not in _ATTRIBUTES:
            yield f"the attribute {node.attr} in {place}"
        elif (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and not isinstance(node.value.value, str)
        ):
            yield f"a bare value in {place}"


def _bound(tree: ast.Module) -> Iterator[str]:
    known = set(dir(builtins))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (alias.asname or alias.name for alias in node.names)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id not in known:
            yield node.id


def skeleton(source: str) -> str:
    """Return the structure of a generated file, without what its texts say."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)
