"""Write a pipeline whose runs differ in two parameters, and the workflow that runs it once per combination of them."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from translator.cli import matrix_option
from translator.diagnostics import Diagnostics
from translator.load import load
from translator.targets import GenerateOptions

if TYPE_CHECKING:
    from pathlib import Path

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


def write(target: Any, project: Path, folder: Path) -> tuple[Path, Path]:
    """Write the pipeline's own workflow and the one that runs it several times; ``HOME`` in the file is the project.

    Args:
        target: the package of an engine that writes such workflows.
        project: an existing directory, outside ``folder``.
        folder: the directory of the generated files.
    """
    home = project.parent / "home"
    home.mkdir()
    (project / "valohai.yaml").write_text(TEXT.replace("HOME", str(home)))
    pipeline = load(project / "valohai.yaml").choose()
    problems = Diagnostics()
    points = matrix_option.combinations(pipeline, MATRIX, (), problems)
    assert problems.ok, problems.found
    options = GenerateOptions(project=os.path.relpath(project, folder))
    own = folder / target.file_name(pipeline)
    own.write_text(source := target.generate(pipeline, options))
    name, text = target.write_matrix(pipeline, options, own.name, source, points)
    (folder / name).write_text(text)
    return own, folder / name
