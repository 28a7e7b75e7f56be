"""Write docs/airflow-api.md and docs/prefect-api.md: the names that generated files import, from their docstrings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import griffe

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = {"airflow_plugin": "Airflow", "prefect_plugin": "Prefect"}


def page(package: str) -> str:
    """Return the page of the names that generated files import from a plugin."""
    loader = griffe.GriffeLoader(search_paths=[ROOT], docstring_parser=griffe.Parser.google)
    module = loader.load(package)
    loader.load("translator")
    lines = [
        f"# Python API for {PLUGINS[package]}",
        "",
        f"Generated files import only these names from `{package}`. The names are public: they and their arguments",
        "change only with a major version.",
    ]
    for name in sorted(map(str, module.exports or ()), key=str.casefold):
        lines += _member(name, module[name], loader)
    return "\n".join(lines) + "\n"


def _member(name: str, member: griffe.Object | griffe.Alias, loader: griffe.GriffeLoader) -> Iterator[str]:
    while isinstance(member, griffe.Alias):
        member = loader.modules_collection[member.target_path]
    yield from ("", f"## {name}")
    if isinstance(member, griffe.Class | griffe.Function):
        yield from ("", "```python", _signature(name, member), "```")
    for section in member.docstring.parsed if member.docstring else ():
        yield ""
        yield from _section(section)


def _signature(name: str, member: griffe.Class | griffe.Function) -> str:
    parameters = [one for one in member.parameters if one.name not in {"self", "cls"}]
    shown: list[str] = []
    starred = False
    for one in parameters:
        kind = one.kind.value if one.kind else ""
        if kind == "keyword-only" and not starred:
            shown.append("*")
            starred = True
        starred = starred or kind == "variadic positional"
        star = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        default = f" = {one.default}" if one.default is not None and not star else ""
        shown.append(f"{star}{one.name}: {one.annotation}{default}" if one.annotation else f"{star}{one.name}{default}")
    returns = f" -> {member.returns}" if isinstance(member, griffe.Function) and member.returns else ""
    line = f"{name}({', '.join(shown)}){returns}"
    if len(line) <= 100:
        return line
    return f"{name}(\n" + "".join(f"    {one},\n" for one in shown) + f"){returns}"


def _section(section: griffe.DocstringSection) -> Iterator[str]:
    if section.kind is griffe.DocstringSectionKind.text:
        yield _markdown(section.value)
    elif section.kind in {griffe.DocstringSectionKind.parameters, griffe.DocstringSectionKind.attributes}:
        title = "argument" if section.kind is griffe.DocstringSectionKind.parameters else "attribute"
        yield from (f"| {title} | meaning |", "|---|---|")
        for one in section.value:
            yield f"| `{one.name}` | {_cell(_line(one.description))} |"
    elif section.kind is griffe.DocstringSectionKind.raises:
        yield from (f"Raises `{one.annotation}`: {_line(one.description)}" for one in section.value)
    else:
        raise ValueError(f"cannot show {section.kind} of a docstring")


def _line(text: str) -> str:
    return " ".join(_markdown(text).split())


def _markdown(text: str) -> str:
    """Return a docstring's text with code as in Markdown."""
    return text.replace("``", "`")


def _cell(text: str) -> str:
    return text.replace("|", r"\|")
