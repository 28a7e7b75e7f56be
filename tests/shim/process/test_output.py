"""Test a command's output: each line logged at once, metadata, and constant memory whatever is printed."""

from __future__ import annotations

import json
import resource
import shlex
import sys

import pytest

from translator.shim.contract import Step
from translator.shim.process.lines import LINE_LIMIT, LOG_LIMIT, Lines, readable
from translator.shim.process.metadata import KEYS, Metadata

PYTHON = shlex.quote(sys.executable)


def split(*chunks: bytes) -> tuple[list[bytes], list[bytes]]:
    whole: list[bytes] = []
    progress: list[bytes] = []
    lines = Lines(lambda line, _: whole.append(line), lambda line, _: progress.append(line))
    for chunk in chunks:
        lines.feed(chunk)
    lines.close()
    return whole, progress


@pytest.mark.parametrize(
    ("chunks", "lines", "progress"),
    [
        ([b"a\nb\n"], [b"a", b"b"], []),
        ([b"a", b"b\nc"], [b"ab", b"c"], []),
        ([b"\n\n"], [b"", b""], []),
        ([b""], [], []),
        ([b"a\r\nb\r\n"], [b"a", b"b"], []),
        ([b"a\r", b"\nb"], [b"a", b"b"], []),
        ([b"10%\r20%\r30%\n"], [b"30%"], []),
        ([b"\r10%", b"\r20%", b"\r30%", b"\n"], [b"30%"], [b"10%"]),
        ([b"10%\r", b"20%\r", b"30%\r"], [b"30%"], [b"20%"]),
        ([b"50%\r\r\r"], [b"50%"], []),
        ([b"x\ny\rz", b"\nend\n"], [b"x", b"z", b"end"], [b"y"]),
        ([b"1/9\b\b\b\r2/9\b\b\b\b\r9/9\n"], [b"9/9"], []),
        ([b"1/9\b\b\b", b"\r2/9\b\b\b", b"\r9/9\b\b\b", b"\r\n"], [b"9/9"], [b"1/9"]),
        ([b'1/9\b\b\b\r{"a": 1}\n'], [b'{"a": 1}'], []),
        ([b"1%\b\b2%\b\b", b"3%\ndone -\b|\b/\b \n"], [b"3%", b"done  "], []),
        (["é☃\b\b\b\bø\udcff\n".encode("utf-8", "surrogateescape")], [b"\xc3\xb8\xff"], []),
    ],
)
def test_lines(chunks: list[bytes], lines: list[bytes], progress: list[bytes]) -> None:
    assert split(*chunks) == (lines, progress)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_lines_do_not_depend_on_how_the_output_is_cut(size: int) -> None:
    text = b'one\ntwo\r\n\n10%\r20%\rdone\n{"a": 1}\nlast'
    assert split(*(text[at : at + size] for at in range(0, len(text), size)))[0] == split(text)[0]


def test_an_endless_progress_bar_needs_bounded_memory() -> None:
    lines = Lines(lambda *_: None, lambda *_: None)
    for count in range(20_000):
        lines.feed(b"\r%d%% %s" % (count, b"#" * 100))
    assert len(lines._pending) < 1_000


@pytest.mark.parametrize(
    ("line", "length", "shown"),
    [
        (b"plain", 5, "plain"),
        ("é ☃".encode(), 6, "é ☃"),
        (b"a\xff\xfeb", 4, "a\ufffd\ufffdb"),
        (b"a\x00b\x07c", 5, "a\ufffdb\ufffdc"),
        (b"\x1b[1mbold\x1b[0m\ttab", 16, "\x1b[1mbold\x1b[0m\ttab"),
        (b"x" * LINE_LIMIT, 10_000_000, "x" * LOG_LIMIT + "… [truncated: the line has 10000000 bytes]"),
    ],
)
def test_what_a_log_can_hold(line: bytes, length: int, shown: str) -> None:
    assert readable(line, length) == shown


def metadata(*lines: bytes | str) -> dict[str, object]:
    taken = Metadata()
    for line in lines:
        content = line.encode() if isinstance(line, str) else line
        taken.take(content, len(content))
    return taken.values


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (['{"a": 1}', '{"b": 2}', '{"a": 3}'], {"a": 3, "b": 2}),
        (['{"a": [1, 2], "b": {"c": true}}'], {"a": [1, 2], "b": {"c": True}}),
        (['  {"a": "x"}  \r'], {"a": "x"}),
        (['{"a": NaN, "b": Infinity, "c": [-Infinity, 1.5]}'], {"a": None, "b": None, "c": [None, 1.5]}),
        (['{"a": 1', "{a: 1}", "{'a': 1}", "[1]", "1", "null", "", "{", "{}", "x {}"], {}),
        (['{"a": 1} and more'], {}),
        (['{"a": 1} {"b": 2}'], {"a": 1}),
        (['{"a\\u0000b": "c\\u0000d"}'], {"ab": "cd"}),
        (['{"a": "\\ud800x"}'], {"a": "?x"}),
        (['{"a": ' + "[" * 100_000 + "]" * 100_000 + "}"], {}),
        (['{"a": ' + "9" * 10_000 + "}"], {}),
        ([b'{"a": "\xff"}'], {}),
    ],
)
def test_metadata_is_the_last_value_of_each_key(lines: list[bytes | str], expected: dict[str, object]) -> None:
    found = metadata(*lines)
    assert found == expected
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_metadata_is_bounded() -> None:
    taken = Metadata()
    for count in range(3 * KEYS):
        line = json.dumps({f"key{count}": "v"}).encode()
        taken.take(line, len(line))
    assert len(taken.values) == KEYS
    assert taken.dropped
    big = Metadata()
    for count in range(50):
        line = json.dumps({f"key{count}": "v" * 500_000}).encode()
        big.take(line, len(line))
    assert sum(len(str(value)) for value in big.values.values()) <= 4 << 20
    assert big.dropped
    line = json.dumps({"a": "v" * 2 * LINE_LIMIT}).encode()
    big.take(line[:LINE_LIMIT], len(line))
    assert "a" not in big.values


def test_only_standard_output_has_metadata_and_both_streams_are_in_the_log(worker) -> None:
    manifest = worker.run(["echo '{\"a\": 1}'", "echo '{\"b\": 2}' >&2", "echo plain"])
    assert manifest.metadata == {"a": 1}
    assert sorted(worker.output) == ["plain", '{"a": 1}', '{"b": 2}']


def test_lines_are_in_the_log_while_the_command_runs(worker) -> None:
    """The command ends only once its first line was seen."""
    seen = worker.project.parent / "seen"
    worker.on_line = lambda line: line == "first" and seen.touch()
    manifest = worker.run(f"echo first; until test -e {seen}; do sleep 0.05; done; echo last")
    assert manifest.state == "complete"
    assert worker.output == ["first", "last"]


def test_the_order_of_a_stream_is_kept(worker) -> None:
    worker.run("i=0; while [ $i -lt 2000 ]; do echo $i; i=$((i+1)); done")
    assert worker.output == [str(number) for number in range(2000)]


@pytest.mark.parametrize(
    ("program", "shown"),
    [
        ("import os; os.write(1, bytes(range(256)) * 4000)", 4000),
        ("print('{' * 10_000_000)", 1),
        ("print('{\"a\": 1'); print('{]}'); print('{\"x\":')", 3),
        ("print('no end of line', end='')", 1),
        ("import os; os.close(1); os.close(2)", 0),
    ],
    ids=["binary", "10 MB on one line", "broken JSON", "no end", "closed"],
)
def test_invalid_output_is_shown_safely(worker, program: str, shown: int) -> None:
    worker.script("bad.py", program)
    manifest = worker.run(f"{PYTHON} bad.py")
    assert manifest.state == "complete", manifest.reason
    assert manifest.metadata == {}
    assert shown <= len(worker.output) <= shown + 2
    assert all(len(line) < LOG_LIMIT + 100 for line in worker.output)


def test_a_gigabyte_of_output_needs_constant_memory(worker) -> None:
    """Lines of ordinary and of enormous length, one of them half a gigabyte."""
    worker.script(
        "flood.py",
        """
        import os
        block = (b"y" * 16_383 + b"\\n") * 64
        for _ in range(512): os.write(1, block)
        for _ in range(512): os.write(1, b"z" * (1 << 20))
        print()
        """,
    )
    count = size = 0

    def line(text: str) -> None:
        nonlocal count, size
        count, size = count + 1, size + len(text)
        worker.log.clear()

    worker.on_line = line
    worker.run("true")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    manifest = worker.run(f"{PYTHON} flood.py")
    assert manifest.state == "complete", manifest.reason
    assert (count, size // 10_000) == (32_769, (32_768 * 16_383 + LOG_LIMIT) // 10_000)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 32 << 10


def test_the_reason_of_an_error_has_the_last_lines(worker) -> None:
    code = "print('noise')\ndef fail():\n    raise ValueError('the model is upside down')\n(1, fail())"
    worker.script("fail.py", code)
    manifest = worker.run(f"{PYTHON} fail.py")
    assert "^^^" in "".join(worker.log)
    assert "^^^" not in manifest.reason  # markers would leave less room for other lines
    assert manifest.state == "error"
    assert manifest.reason.startswith("the command ended with exit status 1; its last lines:\nTraceback")
    assert manifest.reason.endswith("ValueError: the model is upside down")
    assert worker.run("echo only this; exit 7").reason == (
        "the command ended with exit status 7; its last lines:\nonly this"
    )
    assert worker.run(r"printf '\033[1;31mfailed\033[0m'; exit 7").reason.endswith("its last lines:\nfailed")


@pytest.mark.parametrize(
    ("command", "missing"),
    [
        ("python -c 'import nowhere.to_be_found'", True),
        ("no-such-program --version", True),
        ("python -m pip install --no-index --quiet nowhere-to-be-found", True),
        ("python -c 'raise ValueError(1)'", False),
        ("exit 3", False),
    ],
)
def test_the_reason_names_an_ignored_image_if_something_is_missing(worker, command: str, missing: bool) -> None:
    hint = (
        "; the step's image company/train:2 is ignored here: install what it provides on the worker, or run the step "
        "in a container"
    )
    manifest = worker.run(Step("step", [command], image="company/train:2"))
    assert manifest.state == "error"
    assert manifest.reason.partition("; its last lines:")[0] == (
        f"the command ended with exit status {manifest.exit_status}{hint if missing else ''}"
    )
    assert hint not in worker.run(command).reason


def test_the_reason_does_not_depend_on_where_the_workspace_is(worker) -> None:
    command = "ls /valohai/inputs/none $TMPDIR/none; exit 3"
    assert worker.run(command, node="a").reason == worker.run(command, node="b").reason


def test_the_reason_names_the_python_of_the_execution_by_its_variable(worker) -> None:
    reason = worker.run("""python -c 'import sys; sys.exit(sys.prefix + "/lib/m.py")'""").reason
    assert reason.endswith("its last lines:\n$VIRTUAL_ENV/lib/m.py")


@pytest.mark.parametrize(
    ("command", "status", "reason"),
    [
        ("kill -9 $$", 137, "the command ended with exit status 137 (SIGKILL, which the system also sends when memory"),
        ("kill -SEGV $$", 139, "the command ended with exit status 139 (SIGSEGV)"),
        ("sh -c 'kill -9 $$'; exit $?", 137, "the command ended with exit status 137 (SIGKILL, which"),
        ("exit 255", 255, "the command ended with exit status 255"),
    ],
)
def test_how_a_command_died(worker, command: str, status: int, reason: str) -> None:
    manifest = worker.run(command)
    assert (manifest.state, manifest.exit_status) == ("error", status)
    assert manifest.reason.startswith(reason)


def test_a_log_that_breaks_ends_no_command(worker) -> None:
    def broken(_: str) -> None:
        raise BrokenPipeError

    worker.on_line = broken
    manifest = worker.run(["echo a", "echo b", "echo '{\"c\": 1}'", "exit 3"])
    assert (manifest.exit_status, manifest.metadata) == (3, {"c": 1})
