"""Check the architecture of docs/architecture.md: imports run one way, and each thing is in its package."""

import ast
import re
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from tests.house.syntax import nodes
from translator import registry

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("translator", "airflow_plugin", "prefect_plugin")
CORE = {
    "translator": {
        *(
            "__init__",
            "entry_points",
            "errors",
            "files",
            "graphs",
            "ir",
            "launch_inputs",
            "load",
            "names",
            "nodes",
            "parts",
            "registry",
            "runtime",
            "span",
        ),
    },
    "translator/shim": {"__init__", "clock", "contract", "errors", "extensions", "loom", "run_contract", "variables"},
    "airflow_plugin": {"__init__", "exceptions", "plugin", "provider"},
    "prefect_plugin": {"__init__", "exceptions"},
}
"""The modules outside rooms: what all rooms stand on, what is public, and loading, which puts some together."""
LAYERS = {
    "translator": (
        ("entry_points", "files", "graphs", "names", "rules", "shim", "span"),
        ("errors", "ir"),
        ("diagnostics", "history", "launch_inputs", "nodes", "runtime", "schedules"),
        ("checks", "run", "semantics", "source"),
        ("config", "dialects", "explain"),
        ("graph", "parts", "targets"),
        ("code",),
        ("registry",),
        ("load",),
        ("audit",),
        ("cli", "conformance"),
    ),
    "translator/shim": (
        ("clock", "contract", "errors", "extensions", "masking", "variables"),
        ("actions", "embedded", "files", "json_values"),
        ("loom", "process", "store"),
        ("catalogue", "distributed", "outcome", "workspace"),
        ("code",),
        ("run_contract",),
        ("controlflow", "inputs"),
        ("parameters",),
        ("runners",),
        ("deployers",),
        ("dialects", "reuse"),
        ("execution",),
    ),
    "airflow_plugin": (
        ("configuration", "exceptions", "parameters", "provider"),
        ("dag",),
        ("tasks",),
        ("run",),
        ("database", "dataflow"),
        ("controlflow", "matrix"),
        ("console", "embedded", "recovery"),
        ("plugin",),
    ),
    "prefect_plugin": (
        ("configuration", "exceptions", "parameters"),
        ("tasks",),
        ("recovery",),
        ("run",),
        ("remote",),
        ("controlflow", "dataflow"),
        ("embedded",),
        ("matrix",),
    ),
}
"""The rooms: each imports from its own layer and from those above it in this list only, also for type checkers."""
PLUGINS = ("airflow_plugin", "prefect_plugin")
TABLE = re.compile(r"^\| `(\w+)/` \|([^|\n]*)\|([^|\n]*)\|$", re.MULTILINE)
"""The rooms of both plugins in docs/architecture.md."""
SPOKEN = {
    # Generated files do not repeat the dialect in each step, so one dialect must be the default.
    "translator/shim/contract.py": {"valohai"},
    # Generated files of Loom build their steps with the functions of this module. It is not in the package of the
    # dialect because a DAG file must not load what only workers need.
    "translator/shim/loom.py": {"loom"},
    # Airflow lists the integrations of a provider by their titles, and "runnable" is spelled in lower case.
    "airflow_plugin/provider.py": {"runnable"},
    # These export that module: the string is its name.
    "translator/shim/__init__.py": {"loom"},
    "airflow_plugin/__init__.py": {"loom"},
    "prefect_plugin/__init__.py": {"loom"},
}
"""Which dialects' names may be strings outside their own packages."""


def modules(*packages: str) -> list[Path]:
    return [path.relative_to(ROOT) for package in packages for path in sorted((ROOT / package).rglob("*.py"))]


@cache
def imported(path: Path) -> frozenset[str]:
    """Return the modules of ours that a module imports, also within functions and for type checkers only."""
    found: set[str] = set()
    for node in nodes(ROOT / path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(name for name in found if name.startswith(PACKAGES))


@pytest.mark.parametrize("house", CORE)
def test_all_other_modules_have_rooms(house: str) -> None:
    assert {path.stem for path in (ROOT / house).glob("*.py")} == CORE[house]


@pytest.mark.parametrize("house", LAYERS)
def test_each_room_has_its_layer_and_is_described(house: str) -> None:
    rooms = {path.name for path in (ROOT / house).iterdir() if (path / "__init__.py").is_file()}
    layers = [name for layer in LAYERS[house] for name in layer]
    assert sorted(rooms | CORE[house] - {"__init__"}) == sorted(layers)
    page = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    if house in PLUGINS:
        cells = {room: columns[PLUGINS.index(house)].strip() for room, *columns in TABLE.findall(page)}
        assert rooms == {room for room, cell in cells.items() if cell not in ("", "-")}
    else:
        assert [name for name in sorted(rooms) if f"`{house}/{name}/`" not in page] == []


@pytest.mark.parametrize(("house", "name"), [(house, name) for house in LAYERS for name in chain(*LAYERS[house])])
def test_imports_run_one_way(house: str, name: str) -> None:
    layer = {name: number for number, names in enumerate(LAYERS[house]) for name in names}
    place = ROOT / house / name
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert files
    for file in files:
        for other in imported(file.relative_to(ROOT)):
            wanted = other.removeprefix(f"{house.replace('/', '.')}.").partition(".")[0]
            assert layer.get(wanted, 0) <= layer[name], f"{file.relative_to(ROOT)} imports {other}"


@pytest.mark.parametrize("engine", ["airflow", "prefect"])
def test_the_compiler_imports_no_plugin(engine: str) -> None:
    for path in modules("translator"):
        assert not any(name.startswith(f"{engine}_plugin") for name in imported(path)), path


def test_the_specification_and_the_options_import_no_target() -> None:
    for path in [*modules("translator/semantics"), Path("translator/cli/param_option.py")]:
        assert not any(name.startswith("translator.targets") for name in imported(path)), path


def test_plugins_import_the_shim_only() -> None:
    for path in modules("airflow_plugin", "prefect_plugin"):
        others = {name for name in imported(path) if name.startswith("translator.")}
        assert all(name.startswith("translator.shim") for name in others), (path, others)


def test_dialects_are_named_in_their_packages_only() -> None:
    names = set(registry.names(registry.DIALECTS))
    speaking: dict[str, set[str]] = {}
    for path in modules(*PACKAGES):
        if str(path).startswith(("translator/dialects/", "translator/shim/dialects/")):
            continue
        if spoken := names & {node.value for node in nodes(ROOT / path) if isinstance(node, ast.Constant)}:
            speaking[str(path)] = spoken
        for name in imported(path):
            parts = name.split(".")
            assert parts[:2] != ["translator", "dialects"] or not names & set(parts[2:3]), (path, name)
    assert speaking == SPOKEN


@pytest.mark.parametrize("path", modules(*PACKAGES, "benchmarks", "examples"), ids=str)
def test_only_tests_assert(path: Path) -> None:
    assert not any(isinstance(node, ast.Assert) for node in nodes(ROOT / path))
    assert "AssertionError" not in {node.id for node in nodes(ROOT / path) if isinstance(node, ast.Name)}


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
        for node in nodes(ROOT / path)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
        if (bases := {base.id for base in node.bases if isinstance(base, ast.Name)}) & foreign
        and "TranslatorError" not in bases
    }
    at_the_root = {"TranslatorError"} if str(path) == "translator/shim/errors.py" else set()
    assert found == CARRIERS.get(str(path), at_the_root)


CONVERTERS = {
    "translator/cli/param_option.py": "translator/cli/param_option.py:values",
    "translator/dialects/controlflow/keys.py": "translator/dialects/controlflow/keys.py:read_keys",
    "translator/dialects/valohai/steps.py": "translator/dialects/valohai/vendor.py:_fit_to_parse",
}
"""By module whose functions convert a text, the function that turns their ``ValueError`` into a diagnostic."""
PLAIN = {"Exception", "ValueError", "TypeError", "RuntimeError", "LookupError", "KeyError", "NotImplementedError"}


@pytest.mark.parametrize("path", modules(*PACKAGES), ids=str)
def test_errors_for_users_are_ours(path: Path) -> None:
    """Outside the shim, which turns a ``ValueError`` into the reason of an execution, errors say what to do."""
    if path.parts[:2] == ("translator", "shim"):
        return
    assert raised(path) & PLAIN == ({"ValueError"} if str(path) in CONVERTERS else set())


def test_plain_errors_of_converters_become_diagnostics() -> None:
    for module, handler in CONVERTERS.items():
        assert raised(Path(module)) & PLAIN == {"ValueError"}, module
        assert "ValueError" in caught(handler), handler


def raised(path: Path) -> set[str]:
    """Return the names of the exceptions that a module creates and raises."""
    return {
        node.exc.func.id
        for node in nodes(ROOT / path)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
    }


EXECUTION = ("translator/shim/execution/__init__.py:_run", "translator/shim/execution/results.py:publish")
"""The callers of contracts: what ``bring``, ``launch`` and ``gather`` raise is the reason of the execution."""
MANIFEST = ("translator/shim/store/manifest.py:from_json", "translator/shim/store/base.py:_manifest")
SETTINGS = ("translator/shim/runners/settings.py:read_values",)
REASONS = {
    "translator/shim/catalogue/entries.py": (
        "translator/shim/catalogue/entries.py:from_json",
        "translator/shim/catalogue/stored.py:_read",
    ),
    "translator/shim/dialects/loom/__init__.py": EXECUTION,
    "translator/shim/dialects/magnus/__init__.py": EXECUTION,
    "translator/shim/dialects/magnus/catalog.py": EXECUTION,
    "translator/shim/dialects/magnus/notebooks.py": EXECUTION,
    "translator/shim/dialects/magnus/patterns.py": EXECUTION,
    "translator/shim/dialects/magnus/results.py": EXECUTION,
    "translator/shim/dialects/magnus/secrets.py": EXECUTION,
    "translator/shim/dialects/valohai.py": EXECUTION,
    "translator/shim/process/script.py": EXECUTION,
    "translator/shim/inputs/places.py": (*EXECUTION, "translator/shim/parameters/file_grid.py:_points"),
    "translator/shim/runners/docker/settings.py": SETTINGS,
    "translator/shim/runners/kubernetes/settings.py": SETTINGS,
    "translator/shim/runners/process/interpreter.py": ("translator/shim/runners/process/interpreter.py:_facts_of",),
    "translator/shim/runners/settings.py": SETTINGS,
    "translator/shim/store/manifest.py": MANIFEST,
    "translator/shim/store/records.py": MANIFEST[:1],
}
"""By module of the shim that raises plain errors, the functions that turn them into reasons or errors of ours."""
PROGRAMS = (
    "translator/shim/dialects/loom/builtin_steps.py",
    "translator/shim/dialects/magnus/child/",
)
"""What runs in the process of a command, whose log shows the error."""


def test_plain_errors_of_the_shim_become_reasons() -> None:
    plain = {str(path): found for path in modules("translator/shim") if (found := raised(path) & PLAIN)}
    plain = {path: found for path, found in plain.items() if not path.startswith(PROGRAMS)}
    assert sorted(plain) == sorted(REASONS)
    for path, handlers in REASONS.items():
        assert all(plain[path] & caught(handler) for handler in handlers), path
        assert plain[path] <= set().union(*map(caught, handlers)), path


def caught(function: str) -> set[str]:
    """Return the exceptions that a function of a module (``MODULE:FUNCTION``) catches."""
    path, _, name = function.partition(":")
    functions = [node for node in nodes(ROOT / path) if isinstance(node, ast.FunctionDef) and node.name == name]
    handlers = [handler for node in functions for handler in ast.walk(node) if isinstance(handler, ast.ExceptHandler)]
    return {
        name.id for handler in handlers if handler.type for name in ast.walk(handler.type) if isinstance(name, ast.Name)
    }


@pytest.mark.parametrize("plugin", PLUGINS)
def test_tests_of_a_plugin_are_in_its_rooms(plugin: str) -> None:
    tests = ROOT / "tests" / plugin.removesuffix("_plugin")
    rooms = {path.name for path in (ROOT / plugin).iterdir() if (path / "__init__.py").is_file()}
    assert {path.parent.name for path in tests.glob("*/test_*.py")} <= rooms
    of_all_rooms = {"test_public_api.py", "test_tutorials.py", "test_undocumented_uses.py"}
    assert {path.name for path in tests.glob("test_*.py")} <= of_all_rooms
