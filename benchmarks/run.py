"""Run every benchmark in its environment, and write the table of docs/benchmarks.md (``make bench``).

Arguments choose benchmarks by file name, as in ``.venv/dev/bin/python benchmarks/run.py command compiling``. Their rows
are replaced in ``measured.json``, and the table is written from all that it contains.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from measure import Row, note

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
MEASURED = HERE / "measured.json"
"""The last rows of each benchmark, and the machine that they were measured on."""
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- table: begin -->\n", "<!-- table: end -->"
BENCHMARKS = {
    "command": ("dev",),
    "compiling": ("dev",),
    "dag_file": ("airflow",),
    "before_command": ("airflow",),
    "first_run": ("airflow", "prefect"),
    "shim": ("dev",),
    "container": ("dev",),
    "artifact": ("dev",),
    "mapped_airflow": ("airflow",),
    "mapped_scheduler": ("airflow",),
    "mapped_prefect": ("prefect",),
    "reused_airflow": ("airflow",),
    "reused_prefect": ("prefect",),
    "wide_prefect": ("prefect",),
    "wide_airflow": ("airflow",),
}


def rows(name: str) -> list[Row]:
    """Return the rows that one benchmark prints in its environments."""
    note(f"{name} ...")
    variables = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    measured = []
    for environment in BENCHMARKS[name]:
        programs = ROOT / ".venv" / environment / "bin"
        printed = subprocess.run(
            [programs / "python", HERE / f"{name}.py"],
            cwd=ROOT,
            env={**variables, "PATH": f"{programs}{os.pathsep}{variables['PATH']}"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout
        measured += [Row(**json.loads(line)) for line in printed.splitlines() if line.startswith('{"what"')]
    for row in measured:
        note(f"  {row.what}: {row.ratio:.2f}{'' if row.holds else ', exceeded'}")
    return measured


def table(measured: list[Row]) -> str:
    """Return the rows as Markdown."""
    lines = ["| what | ours | compared with | theirs | ratio | bound |", "|---|---:|---|---:|---:|---:|"]
    for row in measured:
        bound = "" if row.bound is None else f"{row.bound:.2f}"
        cells = (
            row.what,
            f"{figure(row.ours)} {row.unit}",
            row.reference,
            f"{figure(row.theirs)} {row.unit}",
            f"{row.ratio:.2f}",
            bound if row.holds else f"{bound} **exceeded**",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def figure(value: float) -> str:
    """Format a number with three significant digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def machine() -> str:
    """Describe the machine of the measurements."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {platform.python_version()}"


def write_page(measured: dict[str, Any]) -> None:
    """Write the table of the page; say on which machine its rows were measured."""
    kept = {name: [Row(**row) for row in measured[name]["rows"]] for name in BENCHMARKS if name in measured}
    names_by_machine: dict[str, list[str]] = {}
    for name in kept:
        names_by_machine.setdefault(measured[name]["machine"], []).append(f"`{name}`")
    several = len(names_by_machine) > 1
    where = [
        f"Measured on {machine}{': ' + ', '.join(names) if several else ''}."
        for machine, names in names_by_machine.items()
    ]
    rows = [row for name in kept for row in kept[name]]
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{BEGIN}{chr(10).join(where)}\n\n{table(rows)}{END}{after}", encoding="utf-8")


def main(names: list[str]) -> int:
    """Run the named benchmarks, or all; 1 if a bound is exceeded."""
    measured = json.loads(MEASURED.read_text(encoding="utf-8"))
    holds = True
    for name in names or BENCHMARKS:
        found = rows(name)
        holds = holds and all(row.holds for row in found)
        measured[name] = {"machine": machine(), "rows": [asdict(row) for row in found]}
        MEASURED.write_text(json.dumps(measured, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        print(table(found), end="")
    write_page(measured)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
