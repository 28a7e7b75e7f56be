"""Write docs/corpus.md: how many files of the corpus compare how, and which differ on purpose."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tests.oracle.corpus_table import TABLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.oracle.corpus_run import Result

PAGE = Path(__file__).parents[2] / "docs" / "corpus.md"
VERDICTS = ("equal", "on purpose", "wrong", "not run")
_BEGIN, _END = "<!-- table: begin -->\n", "<!-- table: end -->\n"


def counts(results: Sequence[Result]) -> str:
    """Return a table of how many files of each dialect compare how on each engine."""
    lines = [
        "| | engine | files | equal | different on purpose | wrong | not run |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for dialect, called in {"magnus": "Magnus 0.5.1", "runnable": "runnable 0.50.0"}.items():
        for engine in dict.fromkeys(one.engine for one in results):
            found = Counter(one.verdict for one in results if (one.dialect, one.engine) == (dialect, engine))
            cells = " | ".join(str(n) for n in (found.total(), *(found[verdict] for verdict in VERDICTS)))
            lines.append(f"| {called} | {engine.capitalize()} | {cells} |")
    return "".join(f"{line}\n" for line in lines)


def differing() -> str:
    """Return a table of what differs on purpose."""
    lines = []
    for dialect, files in TABLE.items():
        lines += ["", f"| {dialect} | its engine | here |", "|---|---|---|"]
        lines += [f"| `{file}` | {one.engine} | {one.here} |" for file, one in files.items()]
    return "".join(f"{line}\n" for line in lines[1:])


def write(table: str) -> None:
    """Write the counts to the page; the other table is a part that tests/house holds."""
    before, _, rest = PAGE.read_text().partition(_BEGIN)
    PAGE.write_text(f"{before}{_BEGIN}{table}{_END}{rest.partition(_END)[2]}")
