"""Check that the packages declare what they import, and that the oldest declared versions are tested."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.syntax import nodes

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
PACKAGES = {
    "translator": ("notebooks", "docker", "kubernetes", "deployments", "tuning", "airflow"),
    "airflow_plugin": ("airflow",),
    "prefect_plugin": ("dask", "prefect"),
}
"""The extras that may bring what a package imports; what ``translator`` takes of an engine's extra is in both."""
DISTRIBUTIONS = {"airflow": "apache-airflow", "pydantic_core": "pydantic", "yaml": "pyyaml"}
LOCAL = {"translator", "airflow_plugin", "prefect_plugin", "magnus", "runnable", "_pipeline_step"}
"""Our own, and those that stand in for the source engines in the processes of steps."""


def name(requirement: str) -> str:
    return re.split(r"[<>=!\[; ]", requirement, maxsplit=1)[0].lower()


def distribution(module: str) -> str:
    """Return what brings a module; Airflow and each of its providers are distributed separately."""
    top, *rest = module.split(".")
    if (top, *rest[:1]) == ("airflow", "providers"):
        return "-".join(["apache-airflow-providers", *rest[1 : 3 if rest[1] == "common" else 2]])
    return DISTRIBUTIONS.get(top, top.replace("_", "-"))


def imported(package: str) -> set[str]:
    """Return the distributions of the modules that a package imports."""
    found = set()
    for file in (ROOT / package).rglob("*.py"):
        for node in nodes(file):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(node.module or "")
    standard = LOCAL | set(sys.stdlib_module_names)
    return {distribution(module) for module in found if module.partition(".")[0] not in standard}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_that_is_imported_is_declared(package: str) -> None:
    declared = {name(one) for one in PROJECT["dependencies"]}
    declared |= {name(one) for extra in PACKAGES[package] for one in EXTRAS[extra]}
    needed = imported(package)
    assert needed - declared == set()
    assert len(needed) > 1


def test_packages_of_the_compiler_are_in_both_extras() -> None:
    extras = ("notebooks", "docker", "kubernetes", "deployments", "tuning")
    base = {name(one) for one in (*PROJECT["dependencies"], *(one for extra in extras for one in EXTRAS[extra]))}
    needed = imported("translator") - base
    assert needed == {"rich"}
    assert all(needed <= {name(one) for one in EXTRAS[engine]} for engine in ("airflow", "prefect"))


def lowest(*extras: str) -> dict[str, str]:
    """Return the lower bound of each direct dependency."""
    pairs = [one.split(">=") for one in (*PROJECT["dependencies"], *(r for e in extras for r in EXTRAS[e]))]
    assert all(len(pair) == 2 for pair in pairs)
    return {found.lower(): version for found, version in pairs}


@pytest.mark.parametrize("engine", ["airflow", "prefect"])
def test_declared_oldest_versions_match_make_compat(engine: str) -> None:
    lines = (ROOT / "constraints" / f"oldest-{engine}.txt").read_text(encoding="utf-8").splitlines()
    pins = {found.lower(): version for found, version in (line.split("==") for line in lines)}
    for found, version in lowest(engine, "docker", "examples", "kubernetes", "notebooks", "test", "tuning").items():
        assert re.fullmatch(rf"{re.escape(version)}(\.0)*", pins[found]), found


def test_python_versions_are_declared_as_a_range() -> None:
    listed = [one.rpartition(" ")[2] for one in PROJECT["classifiers"] if re.search(r"3\.\d+$", one)]
    assert listed == ["3.11", "3.12", "3.13", "3.14"]
    assert PROJECT["requires-python"] == f">={listed[0]}"
