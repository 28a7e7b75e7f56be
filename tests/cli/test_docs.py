"""Test `translate docs`, and what the wheel contains beside modules."""

import re
import tomllib
from pathlib import Path

import pytest

from translator import __version__
from translator.cli import OK, USAGE, main

ROOT = Path(__file__).resolve().parents[2]


def test_all_pages_are_listed_with_their_titles(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs"]) == OK
    shown = capsys.readouterr().out
    listed = dict(re.findall(r"^  (\S+) +(.+)$", shown, re.MULTILINE))
    docs = ROOT / "docs"
    assert listed.keys() == {page.relative_to(docs).with_suffix("").as_posix() for page in docs.rglob("*.md")}
    assert "how-to/failures" in listed
    assert listed["store"] == "The artifact store"
    assert f"files: {ROOT / 'docs'}\n" in shown


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("semantics", "semantics"),
        ("Semantics.md", "semantics"),
        ("how-to/failures", "how-to/failures"),
        ("failures", "how-to/failures"),
    ],
)
def test_a_page_is_printed(name: str, page: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert main(["docs", name]) == OK
    assert capfdbinary.readouterr().out == (ROOT / "docs" / f"{page}.md").read_bytes()


def test_a_misspelt_page_is_an_error_with_the_right_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["docs", "sematics"]) == USAGE
    assert capsys.readouterr().err == "translate: there is no page 'sematics'; did you mean 'semantics'?\n"


def test_metadata_name_the_licence_and_all_languages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == "Apache-2.0"
    assert "Apache License" in (ROOT / project["license-files"][0]).read_text(encoding="utf-8")
    for language in ("Valohai", "Loom", "Magnus", "runnable"):
        assert language in project["description"]
        assert language.lower() in project["keywords"]
    assert project["version"] == __version__


def test_the_changelog_starts_with_what_is_not_released() -> None:
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "Unreleased"
