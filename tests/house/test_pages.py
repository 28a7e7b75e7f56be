"""Check that the pages show what the program really prints; ``make goldens`` rewrites them.

Such a part of a page is between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``.
"""

import configparser
import json
import re
import textwrap
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.house import commands_page
from tests.installed import refuse
from tests.oracle import arguments, corpus_page, differences
from tests.oracle.loom.refused import BROKEN
from translator import registry, semantics
from translator.config.keys import Section
from translator.config.kinds import Duration, Hook, PythonObject
from translator.config.schema import json_schema, scope_section
from translator.diagnostics import Diagnostics
from translator.dialects.valohai.ledger import LEDGER, Fate
from translator.explain.pipeline import explain
from translator.graph import mermaid
from translator.graph.build import build
from translator.graph.states import predicted
from translator.load import load
from translator.rules import rules as rules_of_codes
from translator.rules.text import anchor
from translator.rules.text import page as rules_page
from translator.semantics import controlflow
from translator.semantics.tables import ACTIONS, ON_CHILD_ERROR

ROOT = Path(__file__).resolve().parent.parent.parent
GOLDENS = ROOT / "tests" / "goldens"
TOY = ROOT / "tests" / "extending" / "toy"


def code(language: str, file: Path) -> str:
    return f"```{language}\n{file.read_text(encoding='utf-8')}```\n"


def generated(target: str) -> str:
    """Return the generated file of README's pipeline, which README calls valohai.yaml."""
    (file,) = (GOLDENS / target / "readme").glob("*.py")
    return code("python", file).replace("readme.yaml", "valohai.yaml")


def entry_points(file: Path) -> str:
    """Return the entry points of a package as its pyproject.toml declares them."""
    groups = configparser.ConfigParser()
    groups.read(file, encoding="utf-8")
    tables = [
        "\n".join(
            [f'[project.entry-points."{group}"]', *(f'{name} = "{value}"' for name, value in groups[group].items())]
        )
        for group in groups.sections()
    ]
    return "```toml\n" + "\n\n".join(tables) + "\n```\n"


def graph() -> str:
    """Return what `translate graph` prints in README's five minutes."""
    pipeline = load(ROOT / "examples" / "valohai" / "valohai.yaml").choose("Dual Training Pipeline")
    explanation = explain(pipeline, ["train_conservative[1]", "train_experimental[1]"], {}, {}, Diagnostics())
    assert explanation
    return f"```mermaid\n{mermaid.write(build(pipeline, predicted(explanation)))}```\n"


def keys() -> str:
    """Return the support for each key of the schema, by object."""
    lines = ["| object | keys | support |", "|---|---|---|"]
    for schema, entries in LEDGER.items():
        fates: dict[str, list[str]] = {}
        for key, entry in entries.items():
            word = "noted" if entry.fate is Fate.IGNORED else str(entry.fate)
            fates.setdefault(f"{word}: {entry.why}" if entry.why else word, []).append(f"`{key}`")
        lines += [f"| {schema} | {', '.join(names)} | {fate} |" for fate, names in fates.items()]
    return "\n".join(lines) + "\n"


def rules() -> str:
    """Return the rules of control-flow graphs, from the module that states them."""
    text = controlflow.__doc__ or ""
    return textwrap.dedent(text[text.index("    1. ") :])


def settings() -> str:
    """Return the keys of translator.toml, by table."""
    targets = {name: registry.target(name).SETTINGS for name in ("airflow", "prefect")}
    lines: list[str] = []

    brief = {
        Hook: "[callables](#callables)",
        PythonObject: "[an object](#callables)",
        Duration: 'a duration: seconds, or `"1h 30m"`',
    }

    def write(section: Section, name: str) -> None:
        if section.keys:
            title = f"`{name}`" if name else "general"
            lines.extend([f"### {title}", "", "| key | value | effect |", "|---|---|---|"])
            kinds = [brief.get(type(key.kind), key.kind.description) for key in section.keys]
            rows = zip(section.keys, kinds, strict=True)
            lines.extend(f"| `{key.name}` | {kind} | {key.doc} |" for key, kind in rows)
            lines.append("")
        for below, table in section.tables.items():
            write(table, f"{name}.{below}" if name else below)

    write(scope_section(targets, whole=True), "")
    return "\n".join(lines)


def schema() -> str:
    """Return the JSON Schema of translator.toml with our targets."""
    targets = {name: registry.target(name).SETTINGS for name in ("airflow", "prefect")}
    return json.dumps(json_schema(targets), indent=2) + "\n"


def codes() -> str:
    """Return the table of all diagnostic codes."""
    lines = ["| code | severity | meaning |", "|---|---|---|"]
    lines += [
        f"| [`{rule.code}`](codes.md#{anchor(rule.code)}) | {', '.join(rule.severities)} | {rule.meaning} |"
        for rule in rules_of_codes().values()
    ]
    return "\n".join(lines) + "\n"


PARTS = {
    ("README.md", "yaml"): lambda: code("yaml", GOLDENS / "cases" / "readme.yaml"),
    ("README.md", "dag"): lambda: generated("airflow"),
    ("README.md", "flow"): lambda: generated("prefect"),
    ("README.md", "on-error"): semantics.table,
    ("README.md", "graph"): graph,
    ("docs/valohai.md", "keys"): keys,
    ("docs/extending.md", "entry-points"): lambda: entry_points(TOY.with_name("entry_points.txt")),
    ("docs/extending.md", "pair"): lambda: code("yaml", TOY.with_name("pair.yaml")),
    ("docs/extending.md", "dialect"): lambda: code("python", TOY / "__init__.py"),
    ("docs/extending.md", "rules"): lambda: code("python", TOY / "rules.py"),
    ("docs/extending.md", "contract"): lambda: code("python", TOY / "run.py"),
    ("docs/extending.md", "runner"): lambda: code("python", TOY / "place.py"),
    ("docs/extending.md", "deployer"): lambda: code("python", TOY / "deploy.py"),
    ("docs/extending.md", "target"): lambda: code("python", TOY / "script.py"),
    ("docs/configuration.md", "example"): lambda: code("toml", GOLDENS / "cases" / "settings" / "translator.toml"),
    ("docs/configuration.md", "settings"): settings,
    ("docs/diagnostics.md", "codes"): codes,
    ("docs/corpus.md", "differing"): corpus_page.differing,
    ("docs/magnus.md", "rules"): rules,
    ("docs/magnus.md", "arguments"): arguments.page,
    ("docs/semantics.md", "on-error"): semantics.table,
    ("docs/semantics.md", "actions"): lambda: semantics.table(ACTIONS),
    ("docs/semantics.md", "on-child-error"): lambda: semantics.table(ON_CHILD_ERROR),
}


@pytest.mark.parametrize(("page", "name"), PARTS, ids=[" ".join(part) for part in PARTS])
def test_page_is_up_to_date(page: str, name: str, update_goldens: bool) -> None:
    file = ROOT / page
    text = file.read_text(encoding="utf-8")
    between = re.compile(rf"(<!-- {name}: begin -->\n).*?(<!-- {name}: end -->)", re.DOTALL)
    assert len(between.findall(text)) == 1, f"{page} has no part {name}"
    wanted = between.sub(lambda found: found[1] + PARTS[page, name]() + found[2], text)
    if update_goldens:
        file.write_text(wanted, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == wanted, f"{page}, {name}: make goldens, and read the diff"


def api(package: str) -> str:
    """Return the page of the names that generated files import from a plugin."""
    if find_spec("griffe") is None:
        refuse("needs griffelib (make .venv/dev/.installed)")
    from tests.house import api_page

    return api_page.page(package)


WHOLE: dict[str, Callable[[], str]] = {
    "translator.schema.json": schema,
    "codes.md": lambda: rules_page(rules_of_codes().values()),
    "commands.md": commands_page.page,
    "airflow-api.md": lambda: api("airflow_plugin"),
    "prefect-api.md": lambda: api("prefect_plugin"),
}
"""The files that are generated as a whole."""


@pytest.mark.parametrize("name", WHOLE)
def test_a_generated_file_is_up_to_date(name: str, update_goldens: bool) -> None:
    file = ROOT / "docs" / name
    if update_goldens:
        file.write_text(WHOLE[name](), encoding="utf-8")
    assert file.read_text(encoding="utf-8") == WHOLE[name](), f"{name}: make goldens, and read the diff"


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the rows of the first table below a heading."""
    text = (ROOT / page).read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2]
    table = text[text.index("\n|") :].lstrip("\n").partition("\n\n")[0]
    cells = [re.split(r"(?<!\\)\|", line)[1:-1] for line in table.splitlines()]
    return [[cell.strip() for cell in row] for row in (cells[0], *cells[2:])]


DIFFERENCES = [
    ("docs/loom.md", "Deliberate differences"),
    ("docs/magnus.md", "Deliberate differences"),
    ("docs/semantics.md", "Decisions where Valohai is silent"),
]


@pytest.mark.parametrize(("page", "heading"), DIFFERENCES)
def test_each_difference_has_its_reason(page: str, heading: str) -> None:
    first, *others = rows(page, heading)
    assert first[-1] == "why"
    for row in others:
        assert len(row) == len(first), row
        assert row[0], row
        assert row[-2], row
        assert row[-1], row
    assert len({row[0] for row in others}) == len(others)


def test_differences_from_magnus_and_runnable_are_documented() -> None:
    listed = {row[0] for row in rows("docs/magnus.md", "Deliberate differences")}
    assert {one.row for one in differences.DIFFERENCES.values()} <= listed


def test_bugs_of_loom_are_documented() -> None:
    listed = {row[0] for row in rows("docs/loom.md", "Deliberate differences")}
    assert {broken.row for broken in BROKEN.values()} <= listed


def test_every_generated_part_has_a_source() -> None:
    for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for name in re.findall(r"<!-- ([\w-]+): begin -->", page.read_text(encoding="utf-8")):
            assert name == "table" or (str(page.relative_to(ROOT)), name) in PARTS, (page, name)


@pytest.mark.parametrize("page", sorted((ROOT / "docs" / "tutorials").glob("*.md")), ids=lambda page: page.stem)
def test_tutorials_show_parts_of_generated_files(page: Path) -> None:
    (file,) = (ROOT / "translator" / "dialects" / page.stem / "example").glob("*.y*ml")
    texts = [target.generate(load(file).choose()) for target in registry.targets()]
    for block in re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        assert any(block.rstrip() in text for text in texts), block
