"""Build pipelines whose steps ask for secrets, and report whether they got them without showing them.

The engine has two secrets, ``DB_TOKEN`` and ``api-key``; a third does not exist anywhere.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from translator.load import load

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from translator.ir import Pipeline

TOKEN, KEY = "hunter2-of-the-token", "hunter2-of-the-key"

RUNNABLE = """
dag:
  start_at: a
  steps:
    a:
      type: task
      command_type: shell
      command: echo "I am $DB_TOKEN"; export digest=$(printf %s "$DB_TOKEN" | /usr/bin/sha256sum | /usr/bin/cut -c1-64)
      secrets: [DB_TOKEN]
      returns: [{name: digest}]
      next: b
    b: {type: task, command_type: shell, command: "true", secrets: [NOWHERE], on_failure: success, next: success}
"""

MAGNUS = """
dag:
  start_at: a
  steps:
    a: {type: task, command: asks.ask, next: b}
    b: {type: task, command: asks.nowhere, on_failure: success, next: success}
    success: {type: success}
    fail: {type: fail}
"""

ASKS = """
import hashlib
from magnus import get_secret, set_parameter

def ask():
    found = [get_secret("DB_TOKEN"), get_secret("api-key")]
    print("They are", *found)
    set_parameter(digest=[hashlib.sha256(one.encode()).hexdigest() for one in found], told=found)

def nowhere():
    get_secret("NOWHERE")
"""

DIGESTS = [hashlib.sha256(one.encode()).hexdigest() for one in (TOKEN, KEY)]
PARAMETERS = {"runnable": {"digest": DIGESTS[0]}, "magnus": {"digest": DIGESTS, "told": ["***", "***"]}}


def pipelines(project: Path) -> Iterator[Pipeline]:
    """Write the pipelines into a project, and load them."""
    (project / "asks.py").write_text(ASKS)
    for dialect, text in (("magnus", MAGNUS), ("runnable", RUNNABLE)):
        file = project / f"secrets-of-{dialect}.yaml"
        file.write_text(text)
        yield load(file, dialect=dialect).choose()


def revealed(*folders: Path) -> list[Path]:
    """Return the files that contain a secret."""
    files = (path for folder in folders for path in folder.rglob("*") if path.is_file())
    return [path for path in files if any(one.encode() in path.read_bytes() for one in (TOKEN, KEY))]
