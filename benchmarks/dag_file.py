"""Measure executing a generated DAG file against a hand-written one with as many BashOperators and edges."""

import subprocess
import sys
import tempfile
from pathlib import Path

import airflow.sdk  # noqa: F401 -- imported before anything is measured
from airflow.providers.standard.operators.bash import BashOperator  # noqa: F401
from measure import Row, emit, seconds, side_by_side

PROGRAMS = Path(sys.executable).parent
STEP = """\
- step:
    name: work
    image: busybox
    command: sh work.sh
    inputs:
      - {name: before, optional: true}
"""


def translated(nodes: int, folder: Path) -> str:
    """Return the DAG file generated for a chain of execution nodes."""
    file = folder / f"chain{nodes}.yaml"
    names = "".join(f"      - {{name: n{i}, type: execution, step: work}}\n" for i in range(nodes))
    edges = "".join(f"      - [n{i - 1}.output.*, n{i}.input.before]\n" for i in range(1, nodes))
    file.write_text(f"{STEP}- pipeline:\n    name: chain\n    nodes:\n{names}    edges:\n{edges or '      []'}")
    return subprocess.check_output([PROGRAMS / "translate", file, "--target", "airflow"], text=True)


def by_hand(nodes: int) -> str:
    """Return the same chain as somebody would write it with BashOperator."""
    lines = [
        "from airflow.providers.standard.operators.bash import BashOperator",
        "from airflow.sdk import DAG",
        "",
        "with DAG(dag_id='chain', schedule=None):",
    ]
    lines += [f"    n{i} = BashOperator(task_id='n{i}', bash_command='sh work.sh')" for i in range(nodes)]
    lines += [f"    n{i - 1} >> n{i}" for i in range(1, nodes)]
    return "\n".join(lines)


def execution(text: str, name: str) -> float:
    """Return the seconds to compile and execute a file's text, as the DAG processor does."""
    return seconds(lambda: exec(compile(text, name, "exec"), {"__name__": "dag_file", "__file__": name}))  # noqa: S102


def main() -> None:
    """Measure one row per size."""
    with tempfile.TemporaryDirectory() as temporary:
        for nodes in (10, 100, 1000):
            ours, theirs = translated(nodes, Path(temporary)), by_hand(nodes)
            medians = side_by_side(
                lambda: execution(ours, f"{temporary}/ours.py"),  # noqa: B023
                lambda: execution(theirs, f"{temporary}/theirs.py"),  # noqa: B023
                rounds=9 if nodes < 1000 else 5,
            )
            emit(
                Row(
                    f"DAG file of {nodes:,} nodes",
                    medians[0] * 1000,
                    f"{nodes:,} `BashOperator`s",
                    medians[1] * 1000,
                    "ms",
                    1.5,
                )
            )


if __name__ == "__main__":
    main()
