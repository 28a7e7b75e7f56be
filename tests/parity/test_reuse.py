"""Reuse results from run to run and from engine to engine: the table says which executions run in each.

One chain of runs begins on Airflow and one on Prefect; each run is on the other engine than the one before, with the
same store. Every run also has its own pipeline.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import cycle, islice
from threading import Lock
from typing import TYPE_CHECKING, Any

import pytest

from tests.parity.engines import run_pipeline
from translator.history.comparison import differences
from translator.load import load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TEXT = """\
- step:
    name: make
    image: busybox
    command: sh make.sh {parameter-value:n}
    parameters:
      - {name: n, type: integer, default: 1}
- step:
    name: train
    image: busybox
    command: sh train.sh {parameter-value:rate}
    parameters:
      - {name: rate, type: integer, default: 1}
    inputs:
      - {name: data}
- step:
    name: pick
    image: IMAGE
    command: cat $VH_INPUTS_DIR/models/* | tee $VH_OUTPUTS_DIR/picked
    inputs:
      - {name: models}
- pipeline:
    name: Reused
    reuse-executions: true
    nodes:
      - {name: make, type: execution, step: make}
      - {name: train, type: task, step: train, on-error: continue}
      - {name: pick, type: execution, step: pick}
    edges:
      - [make.output.*, train.input.data]
      - [train.output.*, pick.input.models]
"""
MAKE = "echo data $1 > $VH_OUTPUTS_DIR/data\necho '{\"made\": 3}'\n"
TRAIN = "cat $VH_INPUTS_DIR/data/data > $VH_OUTPUTS_DIR/model-$1\n[ $1 != 7 ] || test -e FIXED\n"


@dataclass(frozen=True)
class Row:
    """A run of the chain: what is different, and which executions run; all others are reused."""

    what: str
    runs: str
    rates: tuple[int, ...] = (1, 2)
    values: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    image: str = "busybox"
    fixed: bool = False


ROWS = [
    Row("the first run", "make train[0] train[1] pick"),
    Row("files that are not code", "", files={"valohai.yaml": "", "__pycache__/x.pyc": "x"}),
    Row("the grid", "train[0] pick", (3, 1)),
    Row("a point that fails", "train[1] pick", (1, 7)),
    Row("that point, fixed, and the image of the last step", "train[1] pick", (1, 7), image="other", fixed=True),
    Row("a file of the project", "make train[0] train[1] pick", files={"train.sh": f"{TRAIN}# other\n"}),
    Row("a parameter upstream, with the file as it was", "make train[0] train[1] pick", values={"make.n": 2}),
    Row("reuse, which is off", "make train[0] train[1] pick", values={"reuse": False}),
]


def chain(order: list[Any], folder: Path, locks: Mapping[str, Lock]) -> list[dict[str, Any]]:
    """Run the rows, each on the next engine of the order; return their records."""
    project = folder / "project"
    project.mkdir(parents=True)
    documents = []
    for row, engine in zip(ROWS, islice(cycle(order), len(ROWS)), strict=True):
        fixed = folder / "fixed"
        if row.fixed:
            fixed.touch()
        files = {"make.sh": MAKE, "train.sh": TRAIN, **row.files}
        for name, text in files.items():
            (project / name).parent.mkdir(exist_ok=True)
            (project / name).write_text(text.replace("FIXED", str(fixed)))
        (project / "valohai.yaml").write_text(TEXT.replace("IMAGE", row.image))
        pipeline = load(project / "valohai.yaml").choose()
        with locks[engine.name]:
            values = {"train.rate": list(row.rates), **row.values}
            _, document, _, _ = run_pipeline(engine, pipeline, project, folder / "store", values, jobs=2)
        documents.append(document)
    return documents


@pytest.fixture(scope="module")
def chains(engines, tmp_path_factory):
    locks = {engine.name: Lock() for engine in engines}
    orders = [engines, engines[::-1]]
    folders = [tmp_path_factory.mktemp(f"from-{order[0].name}") for order in orders]
    with ThreadPoolExecutor(2) as lanes:
        return folders, list(lanes.map(lambda pair: chain(*pair, locks), zip(orders, folders, strict=True)))


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[row.what for row in ROWS])
def test_which_executions_run(chains, number: int) -> None:
    folders, documents = chains
    row = ROWS[number]
    for folder, of_chain in zip(folders, documents, strict=True):
        document = of_chain[number]
        ran, reused = [], {}
        for name, node in document["nodes"].items():
            for one in node["executions"]:
                shown = f"{name}[{one['index']}]" if node["kind"] == "task" else name
                if "reused" in one:
                    reused[shown] = one
                else:
                    ran.append(shown)
        assert (document["state"], " ".join(ran)) == ("complete", row.runs), document
        for one in reused.values():
            assert one["state"] == "complete"
            origin = folder / "store" / one["reused"]
            assert [path.name for path in (origin / "outputs").iterdir()] == [file["path"] for file in one["outputs"]]


@pytest.mark.parametrize("number", range(len(ROWS)), ids=[row.what for row in ROWS])
def test_the_engines_agree(chains, number: int) -> None:
    """They agree on states, parameters, metrics and bytes, and on the executions whose results these are."""
    _, (one, other) = chains
    unlike = [found for found in differences(one[number], other[number]) if found.where != "pipeline"]
    unlike = [found for found in unlike if not found.where.endswith("reason")]  # it has paths of the chain
    assert not unlike
