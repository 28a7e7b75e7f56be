"""Check that the lists of each plugin's public names agree: exported, loaded, typed and described."""

import ast
import importlib
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = ("airflow_plugin", "prefect_plugin")


def typed(tree: ast.Module) -> dict[str, set[str]]:
    """Return the names that a package imports for type checkers only, by module."""
    (block,) = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {node.module: {alias.name for alias in node.names} for node in imports if node.module}


@pytest.mark.parametrize("plugin", PLUGINS)
def test_public_names_are_loaded_from_the_module_that_type_checkers_see(plugin: str) -> None:
    package = importlib.import_module(plugin)
    loaded = {module: set(names) for module, names in package._MODULES.items()}
    assert loaded == typed(ast.parse((ROOT / plugin / "__init__.py").read_text(encoding="utf-8")))
    assert package.__all__ == sorted(name for names in loaded.values() for name in names)


def test_the_description_of_the_prefect_plugin_has_all_public_names() -> None:
    package = importlib.import_module("prefect_plugin")
    listed = "".join(re.findall(r"^(?:- |  ).*\n", package.__doc__ or "", re.MULTILINE))
    assert set(re.findall(r"``(\w+)``", listed)) == set(package.__all__)
