"""Deploy in a separate process, which a test kills: ``killed.py DIRECTORY PORT MODEL``."""

import sys
from pathlib import Path

from tests.shim.deployers.deploying import Machine

if __name__ == "__main__":
    directory, port, model = sys.argv[1:]
    machine = object.__new__(Machine)
    machine.directory, machine.port, machine.said = Path(directory), int(port), []
    machine.note = machine.said.append
    machine.project = machine.directory.parent / "project"
    machine.deploy(model)
