"""Check that a page lists the plugin's uses of Airflow's private API, and the versions they were checked on."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.house.syntax import nodes

ROOT = Path(__file__).resolve().parent.parent.parent
PUBLIC = ("airflow.sdk", "airflow.sdk.exceptions", "airflow.sdk.log", "airflow.listeners", "airflow.providers")
"""https://airflow.apache.org/docs/apache-airflow/stable/public-airflow-interface.html"""
PAGE = ROOT / "docs" / "architecture.md"
HEADING = "Undocumented uses of Airflow"


def used(source: str) -> set[str]:
    """Return the private names of Airflow that a module uses."""
    tree = ast.parse(source)
    own = {"self", "cls", "other"}
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "airflow":
            module = node.module or ""
            if module not in PUBLIC and not module.startswith("airflow.providers."):
                found |= {f"{module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Attribute) and re.match(r"_[a-z]", node.attr):
            if not (isinstance(node.value, ast.Name) and node.value.id in own):
                found.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "hasattr"):
            name = node.args[1]
            if isinstance(name, ast.Constant) and str(name.value).startswith("_"):
                found.add(str(name.value))
    return found


def test_each_use_is_listed_with_its_version() -> None:
    section = PAGE.read_text(encoding="utf-8").partition(f"\n### {HEADING}\n")[2].partition("\n### ")[0]
    listed: set[str] = set()
    for row in re.findall(r"^\| (`.*) \|$", section, re.MULTILINE):
        names, why, versions = row.split(" | ")
        listed |= set(re.findall(r"`([^`]+)`", names))
        assert why, row
        assert re.fullmatch(r"\d+\.\d+\.\d+(, \d+\.\d+\.\d+)*", versions), row
    found = {name for file in (ROOT / "airflow_plugin").rglob("*.py") for name in used(file.read_text("utf-8"))}
    assert found == listed


def test_no_bare_exception_and_no_assert_in_the_plugin() -> None:
    for file in (ROOT / "airflow_plugin").rglob("*.py"):
        for node in nodes(file):
            assert not isinstance(node, ast.Assert), file
            if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name):
                assert not node.exc.func.id.startswith("Airflow"), file
