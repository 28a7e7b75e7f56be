"""Write a pipeline whose runs differ in parameters, and the workflow that runs it once per combination of them.

``Matrix`` predicts what attempts at all of these runs start, for histories on both engines.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.processes import TELL
from translator.cli import matrix_option
from translator.diagnostics import Diagnostics
from translator.load import load
from translator.targets import GenerateOptions

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path
    from random import Random

TEXT = """\
- step:
    name: prepare
    image: busybox
    command: "echo prepared >> HOME/ran-{parameter-value:seed}; echo x > $VH_OUTPUTS_DIR/data"
    parameters:
      - {name: seed, type: integer, default: 0}
- step:
    name: train
    image: busybox
    command:
      - SEED={parameter-value:seed}
      - test $SEED != 2 || test -e HOME/mended
      - 'echo "{\\"score\\": $SEED}"'
    parameters:
      - {name: seed, type: integer, default: 0}
      - {name: rate, type: float, default: 0.5}
    inputs:
      - {name: data}
- pipeline:
    name: Several
    parameters:
      - {name: seed, default: 0, targets: [prepare.parameters.seed, train.parameters.seed]}
    nodes:
      - {name: prepare, type: execution, step: prepare}
      - {name: train, type: execution, step: train}
    edges:
      - [prepare.output.*, train.input.data]
"""
MATRIX = ("seed=1,2", "train.rate=0.25")
VALUES = [{"seed": 1, "train.rate": 0.25}, {"seed": 2, "train.rate": 0.25}]

SEEDS = (1, 2, 3)
FAILS = 0.25
"""How likely an execution of a history fails."""
NODES = ("prepare", "train")
HISTORIES = """\
- step:
    name: work
    image: busybox
    command:
      - DOES={parameter-value:tag}-{parameter-value:seed}
      - echo $DOES >> HOME/ran
      - if test -e HOME/hold-$DOES; then TELL > HOME/held; exec sleep 600; fi
      - test ! -e HOME/fail-$DOES
      - echo $DOES > $VH_OUTPUTS_DIR/$DOES
    parameters:
      - {name: tag, type: string}
      - {name: seed, type: integer, default: 0}
    inputs:
      - {name: data, optional: true}
- pipeline:
    name: NAME
    parameters:
      - {name: seed, default: 0, targets: [prepare.parameters.seed, train.parameters.seed]}
    nodes:
      - {name: prepare, type: execution, step: work, override: {parameters: [{name: tag, default: prepare}]}}
      - {name: train, type: execution, step: work, override: {parameters: [{name: tag, default: train}]}}
    edges:
      - [prepare.output.*, train.input.data]
""".replace("TELL", TELL)
"""Commands read from ``HOME`` what fails and what waits, and write there what has begun."""


@dataclass
class Matrix:
    """What attempts at runs with the parameters ``SEEDS`` have made of them.

    ``complete`` are the nodes that are complete in the run of a seed, as ``NODE-SEED``.
    """

    complete: set[str] = field(default_factory=set)

    def begins(self, seed: int, failing: Collection[str]) -> list[str]:
        """Return what begins in the next attempt at a run, in order."""
        begun: list[str] = []
        for node in NODES:
            if (name := f"{node}-{seed}") not in self.complete:
                begun.append(name)
                if name in failing:
                    break
        return begun

    def is_complete(self, seed: int) -> bool:
        """Return whether a run is complete."""
        return self.complete.issuperset(f"{node}-{seed}" for node in NODES)

    def states(self, seed: int, begun: Sequence[str], cut: str = "error") -> dict[str, str]:
        """Return the states of the nodes of a run after an attempt; what began and is not complete has ``cut``."""
        names = {node: f"{node}-{seed}" for node in NODES}
        return {
            node: "complete" if name in self.complete else cut if name in begun else "stopped"
            for node, name in names.items()
        }

    def draw_failures(self, chance: Random) -> frozenset[str]:
        """Draw what fails in an attempt."""
        return frozenset(f"{node}-{seed}" for node in NODES for seed in SEEDS if chance.random() < FAILS)


def plan(home: Path, failing: Collection[str], hold: str = "") -> None:
    """Write what fails and what waits in the next attempt, and forget what has begun."""
    for old in (*home.glob("fail-*"), *home.glob("hold-*"), *home.glob("held")):
        old.unlink()
    for name in failing:
        (home / f"fail-{name}").touch()
    if hold:
        (home / f"hold-{hold}").touch()
    (home / "ran").write_text("")


def begun_in(home: Path) -> list[str]:
    """Return what has begun since then."""
    return (home / "ran").read_text().split()


def write(
    target: Any, project: Path, folder: Path, text: str = TEXT, combinations: Sequence[str] = MATRIX
) -> tuple[Path, Path]:
    """Write the pipeline's own workflow and the one that runs it several times.

    Args:
        target: the package of an engine that writes such workflows.
        project: an existing directory, outside ``folder``.
        folder: the directory of the generated files.
        text: the text of the pipeline file; ``HOME`` in it is the directory ``home`` beside the project.
        combinations: the values of ``--matrix``.
    """
    home = project.parent / "home"
    home.mkdir()
    (project / "valohai.yaml").write_text(text.replace("HOME", str(home)))
    pipeline = load(project / "valohai.yaml").choose()
    problems = Diagnostics()
    points = matrix_option.combinations(pipeline, combinations, (), problems)
    assert problems.ok, problems.found
    options = GenerateOptions(project=os.path.relpath(project, folder))
    own = folder / target.file_name(pipeline)
    own.write_text(source := target.generate(pipeline, options))
    name, text = target.write_matrix(pipeline, options, own.name, source, points)
    (folder / name).write_text(text)
    return own, folder / name
