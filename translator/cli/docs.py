"""Show the documentation of the installed version (``translate docs``)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import translator
from translator.cli.exit_status import OK, UsageError
from translator.cli.parser import Parser
from translator.cli.printing import print_utf8
from translator.diagnostics import columns
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    args = parser().parse(argv)
    pages = _pages()
    if args.page is None:
        titles = [(f"  {name}", _title(page)) for name, page in pages.items()]
        listed = "".join(f"{line}\n" for line in columns(titles))
        sys.stdout.write(f"pages (read one: translate docs PAGE):\n{listed}\nfiles: {_directory()}\n")
        return OK
    text = pages[_chosen(args.page, pages)].read_text(encoding="utf-8")
    if sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty():
        from pydoc import pager

        pager(text)
    else:
        print_utf8(text)
    return OK


def names() -> tuple[str, ...]:
    """Return the names of the pages."""
    return tuple(_pages())


def page_uri(page: str) -> str:
    """Return the address of a page: on the website of the package if it has one, else of the installed file."""
    from importlib.metadata import metadata

    for url in metadata("pipeline-translator").get_all("Project-URL") or ():
        label, _, address = url.partition(", ")
        if label.lower() == "documentation":
            return f"{address.rstrip('/')}/{page}.html"
    return (_directory() / f"{page}.md").resolve().as_uri()


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("docs", "Show the documentation of the installed version, without a network.")
    arguments.add_argument("page", metavar="PAGE", nargs="?", help="the name of a page (default: list all pages)")
    return arguments


def _directory() -> Path:
    """Return the directory of the pages: in the installed package, or in a checkout."""
    package = Path(translator.__file__).parent
    installed = package / "docs"
    return installed if installed.is_dir() else package.parent / "docs"


def _pages() -> Mapping[str, Path]:
    """Return the pages by their paths without a suffix; those in subdirectories last."""
    folder = _directory()
    pages = {page.relative_to(folder).with_suffix("").as_posix(): page for page in folder.rglob("*.md")}
    return dict(sorted(pages.items(), key=lambda page: (page[0].count("/"), page[0])))


def _chosen(page: str, pages: Mapping[str, Path]) -> str:
    """Return the name of a page; without its directory if no other page has the same.

    Raises:
        UsageError: the page does not exist.
    """
    name = page.lower().removesuffix(".md")
    ending = [one for one in pages if one.rpartition("/")[2] == name]
    if name in pages:
        return name
    if len(ending) == 1:
        return ending[0]
    raise UsageError(f"there is no page {page!r}", did_you_mean(name, pages, "pages"))


def _title(page: Path) -> str:
    """Return the first heading of a page."""
    with page.open(encoding="utf-8") as lines:
        return next((line.removeprefix("# ").strip() for line in lines if line.startswith("# ")), page.stem)
