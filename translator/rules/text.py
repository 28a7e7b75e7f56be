"""Show rules to people: as text for a terminal, and as Markdown for the documentation and code hosts."""

from __future__ import annotations

import re
import shlex
from textwrap import indent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from translator.rules.model import Example, Rule

_LINK = re.compile(r"\[([^\]]+)\]\(([^)]+)\)")
_LANGUAGES = {".toml": "toml", ".py": "python"}


def as_text(rule: Rule) -> str:
    """Show a rule on a terminal."""
    lines = [f"{rule.code}: {_plain(rule.meaning)}", f"  {', '.join(rule.severities)}. {_plain(rule.remedy)}"]
    if rule.example is not None:
        lines += ["", f"  $ {command(rule.example)}"]
        for name, text in files(rule.example):
            lines += ["", f"  {name}:", indent(text.rstrip("\n"), "    ")]
    return "\n".join(lines) + "\n"


def as_markdown(rule: Rule) -> str:
    """Show a rule as the body of a section."""
    return "".join(f"{line}\n" for line in _markdown(rule))


def page(rules: Iterable[Rule]) -> str:
    """Return the page of the documentation with all rules."""
    head = (
        "# Codes\n\n"
        "This page lists what each code of a [finding](diagnostics.md) means, what to do, and a minimal example.\n"
        "`translate rule CODE` prints the same. Each example has only this finding, apart from `ignored-image`.\n"
        "A `*` stands for the rest of a code, which names the construct: `unsupported-stop-condition`, for example.\n"
    )
    return head + "".join(f"\n## {rule.code}\n\n{as_markdown(rule)}" for rule in rules)


def anchor(code: str) -> str:
    """Return the anchor of a code on the page."""
    return code.replace("*", "")


def command(example: Example) -> str:
    """Return the command of an example, for a shell."""
    words = ("translate", *(example.name if word == "FILE" else word for word in example.arguments))
    return shlex.join(words)


def files(example: Example) -> Iterator[tuple[str, str]]:
    """Yield the files of an example that contain something."""
    for name, text in {example.name: example.text, **example.files}.items():
        if text:
            yield name, _visible(text)


def _markdown(rule: Rule) -> Iterator[str]:
    yield f"*{', '.join(rule.severities)}*: {rule.meaning}. {rule.remedy}"
    if rule.example is None:
        return
    yield ""
    yield f"`{command(rule.example)}`"
    for name, text in files(rule.example):
        yield ""
        if name != rule.example.name:
            yield f"`{name}`:"
            yield ""
        language = next((language for suffix, language in _LANGUAGES.items() if name.endswith(suffix)), "yaml")
        yield f"```{language}\n{text.rstrip()}\n```"


def _plain(text: str) -> str:
    """Return Markdown without links."""
    return _LINK.sub(lambda link: link[1], text)


def _visible(text: str) -> str:
    """Return a text with control characters as escapes."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode("ascii") for c in text)
