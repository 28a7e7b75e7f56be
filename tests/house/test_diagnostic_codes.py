"""Check that translator/rules lists each diagnostic code, with the severities that the source reports it with."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from translator.diagnostics import Severity
from translator.rules import controlflow, files, loom, rules, valohai

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"[a-z]+(-[a-z0-9]+)*")
SEVERITIES = {severity.value for severity in Severity}
REPORTERS = SEVERITIES | {"add", "report"}
"""The functions whose first argument is a code; ``add`` and ``report`` are bound to one of the others."""
ANY = "any"
"""The severity of a code that is not an argument of a call, but comes from a table or another function."""


def calls(tree: ast.Module) -> Iterator[tuple[ast.expr, str]]:
    """Yield the argument that is the code, and the severity, of each call that reports a diagnostic."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or len(node.args) < 2:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "Diagnostic":
            severity = ast.unparse(node.args[1]).rpartition(".")[2].lower()
            yield node.args[0], severity if severity in SEVERITIES else ANY
        elif name in REPORTERS:
            yield node.args[0], name if name in SEVERITIES else ANY


def reported() -> dict[str, set[str]]:
    """Return the severities by code; ``*`` stands for what the file says."""
    codes: dict[str, set[str]] = {}
    for path in sorted((ROOT / "translator").rglob("*.py")):
        if "shim" in path.parts:
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        values = constants(tree)
        for argument, severity in calls(tree):
            match argument:
                case ast.Constant(value=str(code)) if CODE.fullmatch(code):
                    codes.setdefault(code, set()).add(severity)
                case ast.JoinedStr():
                    parts = (part.value if isinstance(part, ast.Constant) else "*" for part in argument.values)
                    codes.setdefault("".join(map(str, parts)), set()).add(severity)
                case ast.Name(id=name) if name in values:
                    codes.setdefault(values[name], set()).add(severity)
                case ast.Name(id="code") if path.name != "findings.py":
                    for code in listed_codes(tree):
                        codes.setdefault(code, set()).add(ANY)
    return codes


def parsed(module: str) -> ast.Module:
    return ast.parse((ROOT / Path(*module.split("."))).with_suffix(".py").read_text(encoding="utf-8"))


def constants(tree: ast.Module) -> dict[str, str]:
    """Return the strings that a module names or imports."""
    values: dict[str, str] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=str(text))):
                values[name] = text
            case ast.ImportFrom(module=str(module), names=names) if any(alias.name == "CODE" for alias in names):
                values["CODE"] = constants(parsed(module))["CODE"]
    return values


def listed_codes(tree: ast.Module) -> set[str]:
    """Return the codes in the tuples of a module, and of the module of its words."""
    imported = [node.module or "" for node in tree.body if isinstance(node, ast.ImportFrom)]
    trees = [tree, *(parsed(module) for module in imported if module.endswith("schema_words"))]
    nodes = [node for module in trees for node in ast.walk(module)]
    tuples = (codes_in(node.elts) for node in nodes if isinstance(node, ast.Tuple))
    defaults = (codes_in(node.args[1:]) for node in nodes if isinstance(node, ast.Call) and is_next(node.func))
    return {codes[0] for codes in (*tuples, *defaults) if len(codes) == 1} - {"name"}


def is_next(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id == "next"


def codes_in(elements: list[ast.expr]) -> list[str]:
    """Return the elements that look like codes; a tuple with several of them is not a code and its message."""
    texts = [element.value for element in elements if isinstance(element, ast.Constant)]
    return [text for text in texts if isinstance(text, str) and CODE.fullmatch(text)]


def documented() -> dict[str, set[str]]:
    """Return the severities by code, as the table lists them."""
    listed = [rule.code for module in (controlflow, files, loom, valohai) for rule in module.RULES]
    assert sorted(listed) == sorted(set(listed)), "a code is listed twice"
    return {code: set(rule.severities) for code, rule in rules().items()}


def covers(code: str, listed: set[str]) -> bool:
    """Return whether a row is about a code, itself or as one of a family."""
    return code in listed or any(code.startswith(row[:-1]) for row in listed if row.endswith("*"))


def test_the_table_lists_each_code() -> None:
    rows = documented()
    missing = {code: severities for code, severities in reported().items() if not covers(code, set(rows))}
    # A name as in 'unknown-step' is listed by itself, because a table of them all would say less.
    missing.pop("unknown-*", None)
    assert not missing


def test_the_table_lists_no_other_code() -> None:
    codes = reported()
    families = tuple(code[:-1] for code in codes if code.endswith("*"))
    assert {code for code in documented() if code not in codes and not code.startswith(families)} == set()


def test_the_table_lists_the_severities() -> None:
    codes = reported()
    wrong = {
        code: codes[code]
        for code, severities in documented().items()
        if code in codes and ANY not in codes[code] and codes[code] != severities
    }
    assert not wrong
