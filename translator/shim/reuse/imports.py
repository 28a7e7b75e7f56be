"""Find the modules that code imports, without running it.

A name too many does no harm: only names of installed packages, or of modules outside the project, count.
"""

from __future__ import annotations

import ast
import json
import re
import threading
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

# For commands, and for code that is not Python as a whole.
_IMPORT = re.compile(r"\bfrom[ \t]+(?P<source>[A-Za-z_]\w*)[\w.]*[ \t]+import\b|\bimport[ \t]+(?P<names>\w[\w., \t]*)")
_MODULE_TO_RUN = re.compile(r"(?:^|\s)-m[ \t]*(?P<module>[A-Za-z_]\w*)")
_CALLS = frozenset({"import_module", "__import__", "find_spec", "run_module", "importorskip"})
CODE = (".py", ".ipynb", ".sh")
"""How the names of files end that can import modules."""
_LARGEST = 2 << 20
"""Bytes of a file beyond which it contains data rather than imports."""
_warnings = threading.Lock()


def of_files(project: Path, paths: Iterable[str]) -> set[str]:
    """Return the modules that the Python files, notebooks and shell scripts of a project import, without submodules."""
    modules: set[str] = set()
    for path in paths:
        if not path.endswith(CODE):
            continue
        try:
            with (project / path).open("rb") as file:
                content = file.read(_LARGEST)
        except OSError:
            continue
        text = content.decode("utf-8", "replace")
        if path.endswith(".py"):
            modules |= _of_python(content if content.isascii() else text)
        elif path.endswith(".ipynb"):
            modules |= _of_notebook(text)
        else:
            modules |= of_command(text)
    return modules


def of_command(command: str) -> set[str]:
    """Return the modules that a command runs (``python -m``) or imports (``python -c``)."""
    return _of_text(command) | {match["module"] for match in _MODULE_TO_RUN.finditer(command)}


def _of_python(code: str | bytes) -> set[str]:
    if not code.strip():
        return set()
    try:
        # The filters belong to the process: two threads at once could leave them changed.
        with _warnings, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(code)
        modules = {module.partition(".")[0] for module in _imported(tree)}
        return {module for module in modules if module.isidentifier()}
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _of_text(code.decode("utf-8", "replace") if isinstance(code, bytes) else code)


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", None)
            if name in _CALLS and isinstance(node.args[0].value, str):
                yield node.args[0].value


def _of_notebook(text: str) -> set[str]:
    try:
        cells = json.loads(text)["cells"]
        sources = [cell["source"] for cell in cells]
        codes = [source if isinstance(source, str) else "".join(source) for source in sources]
    except (ValueError, KeyError, TypeError, RecursionError):
        return _of_text(text)
    modules: set[str] = set()
    for code in codes:
        modules |= _of_python(code)
    return modules


def _of_text(text: str) -> set[str]:
    modules: set[str] = set()
    for match in _IMPORT.finditer(text):
        names = [match["source"]] if match["source"] else match["names"].split(",")
        modules.update(name.split()[0].partition(".")[0] for name in names if name.split())
    return modules
