"""Check the architecture of docs/architecture.md: imports run one way, and each thing is in its package."""

import ast
from pathlib import Path

import pytest

from translator import registry

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("translator", "airflow_plugin", "prefect_plugin")
CORE = {"__init__", "errors", "files", "graphs", "ir", "load", "names", "nodes", "registry", "runtime", "span"}
"""The modules of the root of ``translator``: what all rooms stand on, and loading, which puts some together."""
LAYERS = (
    ("errors", "span", "shim"),
    ("diagnostics", "files", "graphs", "ir", "names"),
    ("nodes", "runtime", "source"),
    ("registry", "semantics"),
    ("checks", "config", "dialects", "explain", "history", "run"),
    ("load", "targets"),
    ("cli", "conformance"),
)
"""The rooms of ``translator``: each imports from its own layer and from those above it in this list only."""
SPOKEN = {
    "translator/shim/contract.py",  # the dialect of steps that name none
    "translator/shim/__init__.py",  # translator.shim.loom, as generated files spell it
    "translator/shim/loom.py",
    "translator/targets/airflow/lowering.py",
    "translator/targets/airflow/imports.py",
    "translator/targets/prefect/imports.py",
    "translator/targets/prefect/names.py",
    "airflow_plugin/__init__.py",
    "prefect_plugin/__init__.py",
}
"""Where a dialect's name may be a string beside its own packages."""


def modules(*packages: str) -> list[Path]:
    return [path.relative_to(ROOT) for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


def imported(path: Path, *, typing: bool = False) -> set[str]:
    """Return the modules of ours that a module imports, within functions, too; those for types only if asked."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    if not typing:
        tree.body = [n for n in tree.body if not (isinstance(n, ast.If) and "TYPE_CHECKING" in ast.dump(n.test))]
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return {name for name in found if name.startswith(PACKAGES)}


def room(name: str) -> str:
    """Return the room of ``translator`` that a module or a name in it belongs to."""
    return name.split(".")[1] if "." in name else ""


def test_the_root_holds_the_core() -> None:
    assert {path.stem for path in (ROOT / "translator").glob("*.py")} == CORE


LAYER = {name: number for number, layer in enumerate(LAYERS) for name in layer}


@pytest.mark.parametrize("name", LAYER)
def test_imports_of_the_compiler_run_one_way(name: str) -> None:
    place = ROOT / "translator" / name
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert files
    for file in files:
        for other in imported(file.relative_to(ROOT)):
            wanted = room(other)
            if wanted in LAYER:
                assert LAYER[wanted] <= LAYER[name], f"{file.relative_to(ROOT)} imports {other}"


def test_each_room_has_its_layer() -> None:
    rooms = {path.name for path in (ROOT / "translator").iterdir() if (path / "__init__.py").is_file()}
    assert rooms | CORE - {"__init__"} == set(LAYER)


@pytest.mark.parametrize("engine", ["airflow", "prefect"])
def test_the_compiler_imports_no_plugin(engine: str) -> None:
    for path in modules("translator"):
        assert not any(name.startswith(f"{engine}_plugin") for name in imported(path, typing=True)), path


def test_the_specification_and_the_options_import_no_target() -> None:
    for path in [*modules("translator/semantics"), Path("translator/cli/param_option.py")]:
        assert not any(name.startswith("translator.targets") for name in imported(path, typing=True)), path


def test_plugins_import_the_shim_only() -> None:
    for path in modules("airflow_plugin", "prefect_plugin"):
        others = {name for name in imported(path) if name.startswith("translator.")}
        assert all(name.startswith("translator.shim") for name in others), (path, others)


def test_dialects_are_named_in_their_packages_only() -> None:
    names = set(registry.names(registry.DIALECTS))
    for path in modules(*PACKAGES):
        if str(path) in SPOKEN or str(path).startswith(("translator/dialects/", "translator/shim/dialects/")):
            continue
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        said = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)} & names
        assert not said, (path, said)
        for name in imported(path, typing=True):
            parts = name.split(".")
            assert parts[:2] != ["translator", "dialects"] or not names & set(parts[2:3]), (path, name)


@pytest.mark.parametrize("path", modules(*PACKAGES), ids=str)
def test_only_tests_assert(path: Path) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree))
    assert "AssertionError" not in {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


CARRIERS = {
    "translator/diagnostics/findings.py": {"TooManyErrors"},  # the errors are in the diagnostics
    "translator/shim/execution/state.py": {"Late", "Stopped"},  # no error that other code could handle
    "translator/shim/files/digest.py": {
        "NotAFileError"
    },  # has an errno, as the errors have that Python raises for a file
    "translator/shim/dialects/magnus/child/_pipeline_step.py": {"StepError"},  # of a program that imports none of us
    "airflow_plugin/exceptions.py": {"NotStarted", "Stopped"},  # skip a task
}
"""Exceptions that need not be a ``TranslatorError``."""


@pytest.mark.parametrize("path", modules(*PACKAGES), ids=str)
def test_errors_have_one_base(path: Path) -> None:
    """An error that others may catch has a message for the user, and may have a hint."""
    foreign = {"Exception", "BaseException", "ValueError", "TypeError", "LookupError", "RuntimeError", "OSError"}
    foreign |= {"AirflowException", "AirflowFailException", "AirflowSkipException"}
    found = {
        node.name
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        if (bases := {base.id for base in node.bases if isinstance(base, ast.Name)}) & foreign
        and "TranslatorError" not in bases
    }
    at_the_root = {"TranslatorError"} if str(path) == "translator/shim/errors.py" else set()
    assert found == CARRIERS.get(str(path), at_the_root)


CONVERTERS = {
    "translator/cli/param_option.py",
    "translator/dialects/controlflow/keys.py",
    "translator/dialects/valohai/steps.py",
}
"""Modules whose functions convert a text, and whose callers turn the ``ValueError`` into a diagnostic with a place."""
PLAIN = {"Exception", "ValueError", "TypeError", "RuntimeError", "LookupError", "KeyError", "NotImplementedError"}


@pytest.mark.parametrize("path", modules(*PACKAGES), ids=str)
def test_errors_for_users_are_ours(path: Path) -> None:
    """Outside the shim, which turns a ``ValueError`` into the reason of an execution, errors say what to do."""
    if path.parts[:2] == ("translator", "shim"):
        return
    raised = {
        node.exc.func.id
        for node in ast.walk(ast.parse((ROOT / path).read_text(encoding="utf-8")))
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
    }
    assert raised & PLAIN == ({"ValueError"} if str(path) in CONVERTERS else set())
