"""Build a Loom project that shows most situations, for tests of what an engine displays."""

from __future__ import annotations

from tests.oracle.loom.cases import decide, passes, project, step, switch
from tests.oracle.loom.projects import SOURCES

TASK = "tasks/sleep.py"

LOOKS = project(
    {
        "group": "first look",
        "steps": [
            step("make", {"x": "$a"}, "$frames", "files=a.txt+b.txt+c.txt"),
            decide("empty", answer=False),
            switch("what then", "$empty", "$frames"),
            step("describe", {"x": "$what then.then"}, "$t"),
        ],
    },
    step("after describe", {"x": "$t"}, "$u"),
    step("draw", {"x": "$frames"}, "$v", optional=True),
    step("after draw", {"x": "$v"}, "$w"),
    {
        **step(
            "each", {"x": "$loop_item"}, "$loop_output", loop={"over": "$frames", "into": "$eaches", "parallel": True}
        ),
        "group": "first look",
    },
    step("in order", {"x": "$loop_item"}, "$loop_output", "fail-on=b.txt", loop={"over": "$frames", "into": "$ones"}),
    step("all", {"x": "$eaches"}, "$all"),
    passes(
        step("turn", {"x": "$all"}, "$turned"),
        name="turns",
        schedule=[{"n": 1}, {"n": 2}],
        condition={"script": "tasks/decide.py", "args": {"answer": True}},
    ),
    step("end", {"x": "$turned"}, "$last"),
    data={
        "v": {"path": "source/b.csv", "description": "A drawing", "type": "csv"},
        "frames": "output/frames",
        "eaches": "output/eaches",
        "ones": "output/ones",
    },
    output_dir=".",
)
STATES = {
    "make": "complete",
    "empty": "complete",
    "describe": "skipped",
    "after describe": "skipped",
    "draw": "skipped",
    "after draw": "complete",
    "each": "complete",
    "in order": "error",
    "all": "complete",
    "turn_iter0": "complete",
    "turns_stop_iter0": "complete",
    "turn_iter1": "skipped",
    "turns_stop_iter1": "skipped",
    "turns": "complete",
    "end": "complete",
}
"""Of its nodes, as they end where no optional step is included."""
SLEEP = """import os, pathlib, time
status = pathlib.Path("/proc/self/stat").read_text()
told = f"{os.readlink('/proc/self/ns/pid')} {os.getpid()} {status}"
(pathlib.Path(__file__).parent / "asleep").write_text(told)
time.sleep(100)
"""
SLEEPS = project(
    step("make", {"x": "$a"}, "$frames", "files=a.txt+b.txt+c.txt"),
    {**step("sleep", {"x": "$loop_item"}, "$loop_output", loop={"over": "$frames", "into": "$s"}), "task": TASK},
    step("after", {"x": "$s"}, "$t"),
    data={"frames": "output/frames", "s": "output/s"},
    files={**SOURCES, TASK: SLEEP},
)
"""Its loop sleeps in its first file, for longer than a test waits, and leaves its process id beside its script."""
