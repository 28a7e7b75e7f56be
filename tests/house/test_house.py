"""Check the house rules that no other check covers: links, pins, commands and arrows."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("*.md"))]
CONSTRAINTS = sorted((ROOT / "constraints").glob("*.txt"))
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
COMPILER = ("translator.cli", "translator.targets.airflow", "translator.targets.prefect", "translator.dialects.valohai")
ENGINES = ("airflow", "prefect", "sqlalchemy", "pydantic")


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_have_targets(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", page.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            linked = page.parent / target if target else page
            assert linked.exists(), target
            assert not anchor or anchor in anchors(linked), anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_of_the_pages_exist(page: Path) -> None:
    for target in re.findall(r"(?:^|`)make ([a-z0-9]+)\b", page.read_text(encoding="utf-8"), re.MULTILINE):
        assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target


def test_help_names_every_make_target() -> None:
    (phony,) = re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    for target in set(phony.split()) - {"help"}:
        assert f"make {target} " in MAKEFILE, target


@pytest.mark.parametrize("file", CONSTRAINTS, ids=lambda file: file.stem)
def test_pins_are_names_and_versions_only(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line), line
        assert not line.startswith("pipeline-translator")


def test_steps_compute_with_the_same_versions_on_both_engines() -> None:
    """Equal bytes need equal arithmetic."""
    pins = {file.stem: dict(line.split("==") for line in file.read_text().splitlines()) for file in CONSTRAINTS}
    for package in ("numpy", "scipy", "scikit-learn", "valohai-utils", "valohai-yaml"):
        assert len({pins[name][package] for name in ("dev", "airflow", "prefect")}) == 1, package


def test_each_environment_has_its_pins() -> None:
    environments = set(re.findall(r"^(?:EXTRAS|ENGINE)_([\w-]+)", MAKEFILE, re.MULTILINE))
    assert environments == {file.stem for file in CONSTRAINTS}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for line in re.findall(r"^EXTRAS_[\w-]+ := (.*)$", MAKEFILE, re.MULTILINE):
        assert set(line.split(",")) <= set(extras)


@pytest.mark.parametrize("module", COMPILER)
def test_the_compiler_imports_no_engine(module: str) -> None:
    program = f"import sys, {module}; print(*(name for name in {ENGINES} if name in sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", program], text=True).split() == []


def test_the_shim_imports_nothing_of_the_compiler() -> None:
    program = (
        "import sys, translator.shim.execution, translator.shim.outcome.run_record\n"
        "print(*(n for n in sys.modules if n.startswith('translator') and not n.startswith('translator.shim')))"
    )
    assert subprocess.check_output([sys.executable, "-c", program], text=True).split() == ["translator"]


def filled_comments(code: str) -> list[str]:
    """Return the f-strings with a value in a comment, except in the function that writes comments."""
    tree = ast.parse(code)
    allowed = {
        id(part)
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef) and function.name == "comment"
        for part in ast.walk(function)
    }
    found = []
    for text in ast.walk(tree):
        if isinstance(text, ast.JoinedStr) and id(text) not in allowed:
            flat = "".join(part.value if isinstance(part, ast.Constant) else "\0" for part in text.values)
            if re.search(r"#.*\0", flat):
                found.append(ast.unparse(text))
    return found


@pytest.mark.parametrize(
    ("code", "wrong"),
    [
        ('yield f"# of {name}"', True),
        ("lines.append(f'{margin}# of {name}')", True),
        ('f"""\nx = 1  # {name}\n"""', True),
        ('("# of "\n f"x {name}")', True),
        ('yield f"{margin}# of all"', False),
        ('f"# of all\\n{name}"', False),
        ('def comment(text): return f"# {text}"', False),
    ],
)
def test_filled_comments_are_found(code: str, wrong: bool) -> None:
    assert bool(filled_comments(code)) == wrong


def test_comments_of_generated_files_are_written_by_one_function() -> None:
    """A text that reaches a comment by another way could end it."""
    modules = sorted((ROOT / "translator" / "targets").rglob("*.py"))
    assert len(modules) > 20
    assert {str(module): found for module in modules if (found := filled_comments(module.read_text("utf-8")))} == {}


def test_random_tests_differ_in_how_many_examples_they_have_only() -> None:
    """Everything else about Hypothesis is in one profile, in tests/conftest.py."""
    elsewhere = re.compile(r"\b(?:deadline|suppress_health_check|derandomize|database|print_blob)=")
    settings = re.compile(r"@(?:hypothesis\.)?settings\((.*?)\)\n\s*(?:@|def)", re.DOTALL)
    files = [file for file in (ROOT / "tests").rglob("*.py") if "settings(" in file.read_text(encoding="utf-8")]
    assert len(files) > 10
    for file in files:
        for one in settings.findall(file.read_text(encoding="utf-8")):
            assert not elsewhere.search(one), file


def test_the_makefile_names_tests_that_exist() -> None:
    named = {
        path.replace("$(1)", engine)
        for path in re.findall(r"tests/[\w/$()]+\.py", MAKEFILE)
        for engine in ("airflow", "prefect")
    }
    assert len(named) > 3
    assert [path for path in sorted(named) if not (ROOT / path).is_file()] == []
