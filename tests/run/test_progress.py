"""Test how a run in progress is shown."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys

import pytest

from translator.run.progress import Follower, Progress, brief
from translator.run.tree import LiveTree
from translator.run.view import view

KINDS = {"prepare": "execution", "train": "task", "report": "execution"}


CLOCK = re.compile(r"^\d\d:\d\d:\d\d ")
TOOK = re.compile(r"\d+(\.\d)? s\b")


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self):
        return True


def event(event, node=None, index=0, **more):
    return json.dumps({"event": event, "node": node, "index": index, **more}) + "\n"


EVENTS = [
    event("run-started"),
    event("execution-started", "prepare"),
    event("execution-ended", "prepare", state="complete"),
    event("execution-started", "train", 1, label="lr=0.2"),
    event("execution-ended", "train", 1, state="error", label="lr=0.2", reason="it broke\nin two"),
    event("execution-started", "train", 1, label="lr=0.2"),
    event("execution-started", "train", 0, label="lr=[red]0.1"),
    event("run-ended", state="error"),
    "not JSON\n",
    "[]\n",
]


def shown(stream, file, chunks, *, quiet=False):
    progress = Progress()
    view_ = view(progress, KINDS, engine="airflow", quiet=quiet, stream=stream)
    file.touch()
    with view_, Follower(file, progress, view_):
        for chunk in chunks:
            with file.open("a") as out:
                out.write(chunk)
        view_.print_line("a line \x1b[2J of a step")
    return stream.getvalue()


def test_lines(tmp_path):
    text = shown(io.StringIO(), tmp_path / "events", EVENTS)
    lines = [TOOK.sub("0.0 s", CLOCK.sub("", line)) for line in text.splitlines()]
    lines.remove("a line \\x1b[2J of a step")
    assert lines == [
        "starting airflow",
        "prepare: started",
        "prepare: complete after 0.0 s",
        "train[1] (lr=0.2): started",
        "train[1] (lr=0.2): error after 0.0 s: it broke",
        "train[1] (lr=0.2): started (try 2)",
        "train[0] (lr=[red]0.1): started",
    ]


def test_lines_follow_the_events_before_them(tmp_path):
    stream, file, progress = io.StringIO(), tmp_path / "events", Progress()
    shown_ = view(progress, KINDS, engine="airflow", quiet=False, stream=stream)
    with shown_, Follower(file, progress, shown_) as follower:
        for turn in range(5):
            with file.open("a") as out:
                out.write(event("execution-started", "train", turn))
            follower.print_line(f"train | {turn}")
    assert [CLOCK.sub("", line) for line in stream.getvalue().splitlines()[1:]] == [
        line for turn in range(5) for line in (f"train[{turn}]: started", f"train | {turn}")
    ]


def test_lines_are_shown_without_colours_and_tabs():
    stream, line = io.StringIO(), "\x1b[K\x1b[1m47/47\x1b[0m \x1b[38;5;2mok\x1b[m\tloss\x1b[2J"
    view(Progress(), KINDS, engine="airflow", quiet=False, stream=stream).print_line(line)
    assert stream.getvalue() == "47/47 ok        loss\\x1b[2J\n"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_incomplete_lines_wait_for_their_end(tmp_path, size):
    whole = "".join(EVENTS)
    chunks = [whole[i : i + size] for i in range(0, len(whole), size)]
    assert len(shown(io.StringIO(), tmp_path / "events", chunks).splitlines()) == 8


def test_quiet(tmp_path):
    assert shown(io.StringIO(), tmp_path / "events", EVENTS, quiet=True) == "a line \\x1b[2J of a step\n"


def drawn(progress, height=100, stream=None, width=100):
    return LiveTree(progress, KINDS, "airflow", stream or io.StringIO()).drawn(height, width).plain.splitlines()


def test_the_tree_tells_that_the_engine_starts():
    assert re.search(r" starting airflow, \d\.\d s$", drawn(Progress())[0])


def test_the_tree_shows_the_last_metric_of_an_execution():
    progress = Progress()
    for line in (
        event("execution-started", "train", 1, label="lr=0.2"),
        event("execution-metric", "train", 1, metric="loss=0.5"),
        event("execution-metric", "train", 1, metric="loss=0.25"),
    ):
        progress.take(json.loads(line))
    assert re.search(r" \[1\] lr=0.2  \d\.\d s  loss=0.25$", drawn(progress)[3])
    progress.take(json.loads(event("execution-ended", "train", 1, state="complete", metric="loss=0.125")))
    assert drawn(progress)[3].endswith("  loss=0.125")


def test_the_tree_shows_the_values_in_which_executions_differ():
    progress = Progress()
    for index, label in enumerate(("lr=0.1, layers=[8, 4], seed=7", "lr=0.2, layers=[8, 2], seed=7")):
        progress.take(json.loads(event("execution-started", "train", index, label=label)))
    progress.take(json.loads(event("execution-started", "prepare", label="seed=7")))
    progress.take(json.loads(event("execution-metric", "train", 1, metric="loss=0.25")))
    lines = [TOOK.sub("0.0 s", line) for line in drawn(progress)]
    assert lines[1][2:] == "prepare  0.0 s"
    assert lines[3][4:] == "[0] lr=0.1, layers=[8, 4]  0.0 s"
    assert lines[4][4:] == "[1] lr=0.2, layers=[8, 2]  0.0 s  loss=0.25"
    assert TOOK.sub("0.0 s", drawn(progress, width=40)[4])[4:] == "[1] lr=0.2, layer…  0.0 s  loss=0.25"


def test_executions_end_with_the_process_that_ran_them(tmp_path):
    stream = io.StringIO()
    lines = [
        event("execution-started", "prepare", process=7),
        event("execution-started", "train", 0, process=8, label="lr=0.1"),
        event("execution-started", "train", 1, process=9),
        event("execution-ended", "train", 1, state="complete"),
        event("execution-started", "train", 2, process=9),
        event("process-lost", process=8, reason="memory ran out"),
        event("process-lost", process=9, reason="killed"),
        event("execution-started", "train", 0, process=7, label="lr=0.1"),
    ]
    text = TOOK.sub("0.0 s", shown(stream, tmp_path / "events", lines))
    assert [CLOCK.sub("", line) for line in text.splitlines() if "error" in line or "try" in line] == [
        "train[0] (lr=0.1): error after 0.0 s: memory ran out",
        "train[2]: error after 0.0 s: killed",
        "train[0] (lr=0.1): started (try 2)",
    ]


def test_what_runs_is_in_the_tree_however_small_the_terminal_is():
    progress = Progress()
    for index in range(50):
        progress.take(json.loads(event("execution-started", "train", index)))
        if index not in {3, 40}:
            progress.take(json.loads(event("execution-ended", "train", index, state="complete")))
    lines = drawn(progress, height=6)
    assert len(lines) == 6
    assert [number for number in (3, 40) if any(f"[{number}]" in line for line in lines)] == [3, 40]
    assert lines[-1] == "49 more lines"


def test_marks_are_ascii_where_the_terminal_has_no_others():
    progress = Progress()
    progress.take(json.loads(event("execution-ended", "prepare", state="complete")))
    progress.take(json.loads(event("execution-started", "report")))
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    lines = drawn(progress, stream=stream)
    assert re.fullmatch(r"\+ prepare  \d\.\d s", lines[1])
    assert "\n".join(lines).isascii()


def test_a_tree_on_a_terminal(tmp_path, monkeypatch):
    pytest.importorskip("rich")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.delenv("NO_COLOR", raising=False)
    text = shown(Terminal(), tmp_path / "events", EVENTS)
    plain = TOOK.sub("0.0 s", re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text))
    for expected in (
        "✓ prepare",
        "running on airflow",
        "train  2 running",
        "[0] lr=[red]0.1  0.0 s",
        "[1] lr=0.2 (try 2)  0.0 s",
        "  report",
        "\\x1b[2J of a step",
    ):
        assert expected in plain


BACKENDS = {
    "def get_requires_for_build_wheel(settings=None): raise RuntimeError('no compiler')": "RuntimeError: no compiler",
    "def build_wheel(folder, settings=None, metadata=None): raise RuntimeError('no compiler')\n"
    "def prepare_metadata_for_build_wheel(folder, settings=None):\n"
    "    import pathlib\n"
    "    made = pathlib.Path(folder) / 'broken-1.dist-info'\n"
    "    made.mkdir()\n"
    "    (made / 'METADATA').write_text('Metadata-Version: 2.1\\nName: broken\\nVersion: 1\\n')\n"
    "    return made.name\n": "ERROR: ",
}


@pytest.mark.parametrize("backend", BACKENDS, ids=["requirements", "wheel"])
def test_the_reason_of_pip_is_not_its_hint(tmp_path, backend):
    (tmp_path / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "broken"\nversion = "1"\n'
    )
    (tmp_path / "backend.py").write_text(backend)
    command = [sys.executable, "-m", "pip", "install", "--no-index", "--target", tmp_path / "target", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = brief(f"the command ended with exit status 1; its last lines:\n{done.stderr}")
    announced = "the command ended with exit status 1; its last lines: "
    assert said.startswith(announced + BACKENDS[backend])
