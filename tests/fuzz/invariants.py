"""Check what holds for any file: commands terminate, with findings that have a location, or with valid output."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shlex
import shutil
import signal
import sys
import time
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn
from unittest import mock
from xml.etree import ElementTree as ET
from zlib import crc32

import yaml

from tests.fuzz.generated import foreign, skeleton
from translator import cli
from translator.cli import launch
from translator.cli import run as run_command
from translator.diagnostics import LINE_BREAK
from translator.run import process

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from tests.fuzz.mutate import Mutant

TARGETS = ("airflow", "prefect")
BUDGET = 4.0
"""Seconds of CPU that a command may take. It is measured as CPU time, which other processes hardly change."""
HANG: float = 20
"""Seconds of CPU after which a command is interrupted."""
_PLAIN = "pipeline.yaml"
WITHOUT_PLACE = frozenset(
    {"missing-file", "unreadable-file", "not-a-file", "huge-file", "no-pipeline", "no-parameters-file"}
)
"""Errors about a file as a whole."""
_OURS = str(Path(cli.__file__).parents[1])
_PLACED = re.compile(r"^.+:[1-9]\d*:[1-9]\d*: error\[[a-z0-9-]+\]: .", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken invariant: ``kind`` is the same for all mutants that show the same fault."""

    kind: str
    command: tuple[str, ...]
    detail: str


class Hang(BaseException):
    """A command took too much CPU; not an ``Exception``, so that no handler in the program takes it for its own."""


@dataclass(slots=True)
class Outcome:
    """What a command printed and how it ended."""

    command: tuple[str, ...]
    status: int
    out: str
    err: str
    seconds: float
    fault: Fault | None = None


@dataclass(slots=True)
class Bench:
    """Runs the commands on mutants, in one directory that is used again for each.

    ``accepted`` counts the mutants that were translated; ``transcript`` receives all that the commands print and write.
    """

    folder: Path
    accepted: int = 0
    commands: int = 0
    transcript: Any = None

    def faults(self, mutant: Mutant) -> list[Fault]:
        """Return the invariants that a mutant breaks."""
        file = self._written(mutant)
        found: list[Fault] = []
        _checked(self, mutant, file, found)
        return [
            replace(fault, command=tuple(part.replace(str(self.folder), ".") for part in fault.command))
            for fault in found
        ]

    def call(self, *command: str) -> Outcome:
        """Run a command line in this process."""
        self.commands += 1
        outcome = _called(command)
        named_by_time = command[0] == "run"
        self.record(str(outcome.status), *(() if named_by_time else (outcome.out, outcome.err)))
        return outcome

    def record(self, *texts: str) -> None:
        """Add texts to the transcript."""
        if self.transcript is not None:
            for text in texts:
                self.transcript.update(text.replace(str(self.folder), ".").encode("utf-8", "surrogateescape"))

    def _written(self, mutant: Mutant) -> Path:
        inside = self.folder / "in"
        shutil.rmtree(inside, ignore_errors=True)
        inside.mkdir(parents=True)
        file = inside / mutant.name
        file.write_bytes(mutant.data)
        if mutant.parameters is not None:
            (inside / "parameters-file").write_bytes(mutant.parameters)
        if mutant.settings is not None:
            (inside / "translator.toml").write_bytes(mutant.settings)
        return file


def arguments(mutant: Mutant, command: str, file: Path) -> list[str]:
    """Return the command line for a mutant that was written to ``file``, without what is special to the command."""
    made = list(mutant.options.get(command, ()))
    if mutant.project is not None:
        made.append(f"--project={mutant.project}")
    if mutant.parameters is not None and mutant.dialect in ("magnus", "runnable"):
        made.append(f"--parameters-file={file.parent / 'parameters-file'}")
    return [str(file), *made]


def _checked(bench: Bench, mutant: Mutant, file: Path, found: list[Fault]) -> None:
    """Run all commands on a mutant, and add to ``found`` what is wrong."""
    checked = bench.call("check", *arguments(mutant, "check", file), "--format=json")
    _general(checked, found)
    if checked.fault or checked.status not in (cli.OK, cli.FAILED):
        return
    findings = _findings(checked, mutant, file, found)
    bad = any(finding["severity"] == "error" for finding in findings)
    if bad is not (checked.status == cli.FAILED):
        found.append(Fault("check: exit status and errors disagree", checked.command, checked.out))
    digest = crc32(mutant.data)  # what is done with a mutant depends on the mutant alone
    if bad and digest % 4:
        return
    form = ("text", "sarif")[digest // 4 % 2]
    shown = bench.call("check", *arguments(mutant, "check", file), f"--format={form}")
    _general(shown, found)
    if not shown.fault and shown.status != checked.status:
        found.append(Fault(f"check: another exit status with {form}", shown.command, shown.err))
    if form == "sarif" and not shown.fault:
        json.loads(shown.out)
    _explained(bench, mutant, file, found)
    _drawn(bench, mutant, file, found)
    _translated(bench, mutant, file, TARGETS[digest // 8 % 2], found)


def _explained(bench: Bench, mutant: Mutant, file: Path, found: list[Fault]) -> None:
    explained = bench.call("explain", *arguments(mutant, "explain", file))
    _general(explained, found)
    if not explained.fault and explained.status == cli.OK and "--format=json" in explained.command:
        json.loads(explained.out)


def _drawn(bench: Bench, mutant: Mutant, file: Path, found: list[Fault]) -> None:
    drawn = bench.call("graph", *arguments(mutant, "graph", file))
    _general(drawn, found)
    if not drawn.fault and drawn.status == cli.OK and "--format=svg" in drawn.command:
        try:
            ET.fromstring(drawn.out)  # noqa: S314 - our own
        except ET.ParseError as error:
            found.append(Fault("graph: not XML", drawn.command, str(error)))


def _translated(bench: Bench, mutant: Mutant, file: Path, target: str, found: list[Fault]) -> None:
    verdict = bench.call("check", *arguments(mutant, "check", file), f"--target={target}")
    folder = bench.folder / "out"
    shutil.rmtree(folder, ignore_errors=True)
    done = bench.call("translate", *arguments(mutant, "translate", file), f"--target={target}", f"--output={folder}/")
    for outcome in (verdict, done):
        _general(outcome, found)
    if verdict.fault or done.fault:
        return
    strict, grids = "--strict" in done.command, any(part.startswith(("--grid", "--matrix")) for part in done.command)
    # A part is one of the pipeline that has its node; the mistakes of others do not concern it.
    chosen = done.status == cli.OK and any(part.startswith(("--from", "--to", "--step")) for part in done.command)
    if (
        not grids
        and not chosen
        and not strict
        and {verdict.status, done.status} == {cli.OK, cli.FAILED}
        and "has no pipeline" not in done.err
    ):
        found.append(
            Fault("check and translate disagree", done.command, f"check: {verdict.out}\ntranslate: {done.err}")
        )
    texts = (
        {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*"))} if folder.exists() else {}
    )
    if done.status == cli.OK and not texts:
        found.append(Fault("translate: complete, but nothing was written", done.command, done.err))
    modules = [Path(name).stem for name in texts if name.endswith(".py")]
    for name, text in texts.items():
        if name.endswith(".py"):
            _sound(done, text, found, modules)
        else:
            _loadable(done, text, found)
    if not texts:
        return
    bench.accepted += 1
    bench.record(*texts.values())
    if crc32(mutant.data) // 16 % 2 or mutant.name != _PLAIN:
        _same_under_a_plain_name(bench, mutant, file, target, texts, found)
    _general(ran := _run(bench, mutant, file, target), found)
    if not ran.fault and "generated file" in ran.err:
        found.append(Fault("run: unsound output", ran.command, ran.err))


def _same_under_a_plain_name(
    bench: Bench, mutant: Mutant, file: Path, target: str, texts: dict[str, str], found: list[Fault]
) -> None:
    """Hold that a file is translated into the same again, and that its name changes nothing but texts.

    In other dialects than Valohai's a file's name may be its pipeline's, so there the name stays.
    """
    plain = file.with_name(_PLAIN) if mutant.dialect == "valohai" else file
    file.rename(plain)
    shutil.rmtree(bench.folder / "out", ignore_errors=True)
    again = bench.call(
        "translate", *arguments(mutant, "translate", plain), f"--target={target}", f"--output={bench.folder}/out/"
    )
    plain.rename(file)
    _general(again, found)
    others = {path.name: path.read_text(encoding="utf-8") for path in sorted((bench.folder / "out").glob("*"))}
    if again.fault:
        return
    if plain == file and texts != others:
        found.append(Fault("translate: another text the second time", again.command, f"{texts}\n{others}"))
    ours, theirs = (
        sorted(skeleton(text) for name, text in files.items() if name.endswith(".py")) for files in (texts, others)
    )
    if ours != theirs:
        found.append(Fault("translate: the file's name changes the code", again.command, f"{texts}\n{others}"))


def _run(bench: Bench, mutant: Mutant, file: Path, target: str) -> Outcome:
    """Run ``translate run`` up to where it would start the engine; the file to run is checked there."""

    folder = bench.folder / "tmp"

    @contextlib.contextmanager
    def guarded() -> Iterator[tuple[Path, None]]:
        yield folder, None

    def spawned(command: list[str], *_: object) -> Any:
        assert all(isinstance(part, str) for part in command)
        (generated,) = (folder / "generated").glob("*.py")
        faults: list[Fault] = []
        _sound(Outcome(tuple(command), 0, "", "", 0), generated.read_text(encoding="utf-8"), faults)
        tail = tuple(f"generated file: {fault.kind} {fault.detail}" for fault in faults)
        return process.Ended(1, tail, False)

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    with (
        mock.patch.object(launch, "guarded", guarded),
        mock.patch.object(process, "run", spawned),
        mock.patch.object(run_command, "require", lambda _: None),
    ):
        store = f"--store={bench.folder / 'store'}"
        return bench.call("run", *arguments(mutant, "run", file), f"--target={target}", store)


def _findings(outcome: Outcome, mutant: Mutant, file: Path, found: list[Fault]) -> list[dict[str, Any]]:
    findings: list[dict[str, Any]] = json.loads(outcome.out)
    lines = LINE_BREAK.split(mutant.data.decode("utf-8-sig", "replace"))
    for finding in findings:
        code = finding["code"]
        if finding["line"] is None:
            if finding["severity"] == "error" and code not in WITHOUT_PLACE:
                found.append(Fault(f"check: {code} without a place", outcome.command, str(finding)))
            continue
        if finding["file"] != str(file):  # an included file, a script, a parameters file
            continue
        line, column = finding["line"], finding["column"]
        if not (1 <= line <= len(lines) and 1 <= column <= len(lines[line - 1]) + 1):
            found.append(Fault(f"check: {code} is placed outside the file", outcome.command, str(finding)))
    return findings


def _loadable(outcome: Outcome, text: str, found: list[Fault]) -> None:
    """Hold that Prefect can read its file of deployments."""
    try:
        deployments = yaml.safe_load(text)["deployments"]
        sound = all(isinstance(one["entrypoint"], str) for one in deployments)
    except (yaml.YAMLError, TypeError, KeyError) as error:
        found.append(Fault(f"prefect.yaml: {type(error).__name__}", outcome.command, text))
    else:
        if not sound:
            found.append(Fault("prefect.yaml: a deployment without a flow", outcome.command, text))


def _sound(outcome: Outcome, text: str, found: list[Fault], siblings: Sequence[str] = ()) -> None:
    try:
        odd = list(foreign(text, siblings))
    except (SyntaxError, ValueError, SyntaxWarning, RecursionError) as error:
        found.append(Fault(f"generated: {type(error).__name__}: {error}", outcome.command, text))
        return
    if odd:
        kind = re.sub(r" in line .*", "", odd[0])
        found.append(Fault(f"generated: {kind}", outcome.command, f"{odd}\n{text}"))


def _general(outcome: Outcome, found: list[Fault]) -> None:
    """Hold what is true of any command."""
    if outcome.fault:
        found.append(outcome.fault)
        return
    name = outcome.command[0]
    if outcome.status not in (cli.OK, cli.FAILED, cli.USAGE):
        found.append(Fault(f"{name}: exit status {outcome.status}", outcome.command, outcome.err))
    if "Traceback (most recent call last)" in outcome.out + outcome.err:
        found.append(Fault(f"{name}: a traceback was printed", outcome.command, outcome.out + outcome.err))
    if outcome.status != cli.OK and name != "check" and not outcome.err.strip():
        found.append(Fault(f"{name}: failed without a word", outcome.command, outcome.out))
    if outcome.seconds > BUDGET:
        found.append(Fault(f"{name}: slow", outcome.command, f"{outcome.seconds:.1f} s of CPU"))


def _called(command: tuple[str, ...]) -> Outcome:
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors=e) for e in ("strict", "backslashreplace"))
    argv = list(command[1:] if command[0] == "translate" else command)
    start = time.process_time()
    fault: Fault | None = None
    status = cli.OK
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _limited(HANG):
        try:
            status = cli.main(argv)
        except Hang:
            fault = Fault(f"{command[0]}: hang in {_place(sys.exc_info()[2])}", command, traceback.format_exc())
        except BaseException as error:  # noqa: BLE001 - any of them is what we look for
            kind = f"{command[0]}: {type(error).__name__} in {_place(error.__traceback__)}"
            fault = Fault(kind, command, traceback.format_exc())
    seconds = time.process_time() - start
    texts = []
    for stream in (out, err):
        stream.flush()
        texts.append(stream.buffer.getvalue().decode("utf-8", "surrogateescape"))  # type: ignore[attr-defined]
    return Outcome(command, status, texts[0], texts[1], seconds, fault)


def _place(trace: Any) -> str:
    """Return where in our code an exception came from."""
    ours = [frame for frame in traceback.extract_tb(trace) if frame.filename.startswith(_OURS)]
    return f"{Path(ours[-1].filename).relative_to(_OURS)}:{ours[-1].name}" if ours else "?"


@contextlib.contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        raise Hang

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def shown(fault: Fault) -> str:
    """Return the command line that shows a fault."""
    command: Sequence[str] = fault.command
    return shlex.join(["translate", *(command[1:] if command[0] == "translate" else command)])
