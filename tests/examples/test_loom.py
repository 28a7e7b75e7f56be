"""Check the Loom examples; ``tests/parity`` runs them."""

import subprocess
import sys
from pathlib import Path

from tests.examples.loom_cases import CASES, file_of

TRANSLATE = Path(sys.executable).with_name("translate")


def translate(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = list(map(str, (TRANSLATE, *arguments)))
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def test_check_finds_nothing_wrong() -> None:
    files = [file_of(example) for example in CASES]
    done = translate("check", "--strict", *files)
    assert done.stdout == "".join(f"{file}: nothing to report\n" for file in files), done.stderr
