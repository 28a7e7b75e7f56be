"""Bring a gibibyte to S3 and back: the memory is bounded, and the time is that of a straight copy (``make s3``)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 1 << 30
MEMORY = 300 << 10
"""The KiB that a process may need, with all its packages; a copy with s3fs alone takes more than the file has."""
PROGRAM = """
import json, sys, time
from dataclasses import asdict
from pathlib import Path
import s3fs
from translator.shim.contract import ExecutionId, FileRecord
from translator.shim.store import open_store

job, uri, folder, record = sys.argv[1], sys.argv[2], Path(sys.argv[3]), json.loads(sys.argv[4])
system, straight = s3fs.S3FileSystem(), uri.removeprefix("s3://") + "/straight"
store = open_store(uri)
store.names()
begun = time.monotonic()
if job == "publish":
    (published,) = store.publish(ExecutionId("Large", "run", "train", 0, 1), folder / "outputs", ["model"])
    record = asdict(published)
elif job == "bring":
    store.bring(FileRecord(**record), folder / "brought")
elif job == "put":
    system.put_file(str(folder / "outputs" / "model"), straight)
else:
    system.get_file(straight, str(folder / "got"))
seconds = time.monotonic() - begun
# What getrusage returns is at least what the process that started this one had.
status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
print(json.dumps({"seconds": seconds, "memory": int(status["VmHWM"].split()[0]), "record": record}))
"""


@pytest.mark.wide("s3")
def test_a_gibibyte(s3: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Copies alternate, so that a busy machine slows both."""
    (tmp_path / "outputs").mkdir()
    content = os.urandom(1 << 20)
    with (tmp_path / "outputs" / "model").open("wb") as file:
        for number in range(SIZE >> 20):
            file.write(number.to_bytes(8) + content[8:])
    ran: dict[str, list[dict[str, Any]]] = {}
    record: dict[str, Any] = {}
    for job in ("put", "publish", "get", "bring") * 3:
        for name in ("brought", "got"):
            (tmp_path / name).unlink(missing_ok=True)
        arguments = [sys.executable, "-c", PROGRAM, job, s3, str(tmp_path), json.dumps(record)]
        done = subprocess.run(arguments, stdout=subprocess.PIPE, check=True, text=True)
        one = json.loads(done.stdout)
        record = one["record"]
        ran.setdefault(job, []).append(one)
        if job == "bring":
            assert (tmp_path / "brought").stat().st_size == record["size"] == SIZE
    for job, several in ran.items():
        seconds, memory = min(one["seconds"] for one in several), max(one["memory"] for one in several)
        with capsys.disabled():
            print(f"\n{job}: {seconds:.1f} s, {memory >> 10} MiB of memory", end="")
    assert max(one["memory"] for job in ("publish", "bring") for one in ran[job]) < MEMORY
