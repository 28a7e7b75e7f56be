"""Measure passing an artifact of 1 GiB through a file store against computing its digest once, and the memory used.

Passing means publishing it from an execution's outputs and staging it in the inputs of another execution, with its
digest checked. BENCH_DIR chooses the disk.
"""

from __future__ import annotations

import itertools
import os
import resource
import shutil
import sys
import tempfile
from pathlib import Path

from measure import Row, emit, note, seconds, side_by_side

from translator.shim.contract import ExecutionId
from translator.shim.files.digest import of_file
from translator.shim.store import open_store

SIZE = 1 << 30
ROUNDS = 5
BOUND = 1.3
MEMORY_MB = 32


def main() -> None:
    """Measure and emit; fails if memory grows with the artifact."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
        store = open_store(f"{folder}/store")
        scratch = store.scratch()
        if scratch is None:
            sys.exit("nothing measured: the store has no directory for temporary files")
        block = os.urandom(1 << 20)
        indexes = itertools.count()
        artifact = Path(folder) / "model.bin"
        with artifact.open("wb") as file:
            for _ in range(SIZE >> 20):
                file.write(block)
        artifact.open("rb").close()

        def passing() -> float:
            identity = store.claim(ExecutionId("bench", "run", "node", next(indexes)))
            outputs = scratch / "outputs"
            outputs.mkdir(parents=True)
            artifact.rename(outputs / "model.bin")
            inputs = Path(folder) / "inputs"
            inputs.mkdir()

            def pass_on() -> None:
                [record] = store.publish(identity, outputs, ["model.bin"])
                store.bring(record, inputs / "model.bin")

            taken = seconds(pass_on)
            (inputs / "model.bin").rename(artifact)
            shutil.rmtree(inputs)
            return taken

        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        ours, theirs = side_by_side(passing, lambda: seconds(lambda: of_file(artifact)), ROUNDS)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    emit(Row("an artifact of 1 GiB through a file store", ours, "its digest once", theirs, "s", BOUND))
    note(f"1 GiB through a file store: {ours / theirs:.2f} (bound {BOUND}); memory grew by {grown:.0f} MB")
    if grown > MEMORY_MB:
        sys.exit(f"memory grew by {grown:.0f} MB")


if __name__ == "__main__":
    main()
