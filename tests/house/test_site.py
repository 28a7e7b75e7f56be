"""Check that the website of the documentation builds, that its links lead somewhere, and that it works offline."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from tests.installed import refuse

ROOT = Path(__file__).resolve().parents[2]
CONFIG = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
PROGRAM = ROOT / ".venv" / "docs" / "bin" / "zensical"
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "link": "href"}
"""Attributes whose address the browser loads by itself."""


def pages_of(nav: list[dict[str, Any]]) -> Iterator[str]:
    for entry in nav:
        for page in entry.values():
            if isinstance(page, str):
                yield page
            else:
                yield from pages_of(page)


def built(folder: Path, **texts: str) -> subprocess.CompletedProcess[str]:
    """Build the site of a copy of the pages, with a text appended to some of them."""
    if not PROGRAM.exists():
        refuse("needs the environment .venv/docs (make docs)")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    for name, text in texts.items():
        with (folder / "docs" / f"{name}.md").open("a", encoding="utf-8") as page:
            page.write(text)
    command = [str(PROGRAM), "build", "--strict"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


class Loads(HTMLParser):
    """A parser that collects what a page makes the browser load, and its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.diagrams = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if address := attributes.get(LOADED.get(tag, "")):
            self.addresses.append(address)
        self.diagrams += "mermaid" in (attributes.get("class") or "").split()


def test_the_site_builds_and_loads_nothing_from_other_hosts(tmp_path: Path) -> None:
    done = built(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 20
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text(encoding="utf-8"))
        assert loads.addresses, page
        foreign = [one for one in loads.addresses if re.match(r"(\w+:)?//", one)]
        assert not foreign, (page, foreign)
        missing = [one for one in loads.addresses if not (page.parent / one.partition("?")[0]).exists()]
        assert not missing or page.name == "404.html", (page, missing)
        assert not loads.diagrams, f"{page}: Mermaid loads its script from another host"
    for style in (tmp_path / "site").rglob("*.css"):
        assert not re.search(r"(url\(|@import\s)[\"']?(https?:)?//", style.read_text(encoding="utf-8")), style


def test_broken_links_fail(tmp_path: Path) -> None:
    links = ("[x](no-such-page.md)", "[x](store.md#no-such-heading)", "[x](#no-such-heading)")
    done = built(tmp_path, loom="\n" + "\n\n".join(links) + "\n")
    assert done.returncode != 0
    assert f"{len(links)} issues found" in done.stdout + done.stderr


def test_the_navigation_lists_every_page_once() -> None:
    listed = list(pages_of(CONFIG["nav"]))
    docs = ROOT / "docs"
    assert sorted(listed) == sorted(str(page.relative_to(docs)) for page in docs.rglob("*.md"))
