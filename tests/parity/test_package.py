"""Run a pipeline of a separate dialect package on both engines."""

from __future__ import annotations

import json
import os

from tests.extending.package import FILE, ROOT
from tests.extending.package import run as python
from translator import registry


def test_our_engines_run_the_dialect(engines, toy, tmp_path):
    environment = {**os.environ, "PYTHONPATH": f"{toy}{os.pathsep}{ROOT}"}
    for engine in engines:
        folder = tmp_path / engine.name
        python(environment, "-m", "translator.cli", FILE, "-t", engine.name, "-o", folder)
        (file,) = folder.glob("*.py")
        command = registry.target(engine.name).run_command(
            file, store=str(folder / "store"), run="one", project=FILE.parent, parameters={}, home=engine.home, jobs=2
        )
        assert engine.run(command[3:]) == 0, engine.tail()
        assert json.loads((folder / "store" / "Pair" / "one" / "run.json").read_text())["state"] == "complete"
        (shouted,) = (folder / "store" / "Pair").rglob("shouted.txt")
        assert shouted.read_text() == "HELLO\n"
