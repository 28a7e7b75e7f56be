"""Run a fixed number of mutants in each test run; ``make fuzz SECONDS=...`` runs others."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fuzz import campaign, generated, invariants
from tests.fuzz.invariants import Bench
from tests.fuzz.minimise import minimised
from tests.fuzz.mutate import Mutant, mutant
from tests.fuzz.seeds import DIALECTS, ROOT, pool, seeds
from translator.dialects.valohai import reader

FILES = 700
"""How many mutants: about a quarter of a minute of CPU."""
SEED = 1
GOOD = """\
- step: {name: s, image: busybox, command: run}
- pipeline: {name: P, nodes: [{name: n, type: execution, step: s}], edges: []}
"""


def mutant_of(text: str, name: str = "valohai.yaml") -> Mutant:
    return Mutant(name, text.encode(), "valohai", "structure", "here", None, {})


def test_no_mutant_breaks_an_invariant(tmp_path: Path) -> None:
    """The mutants are the same each time, and made from the project's own files, so that they are everywhere."""
    found = campaign.run(SEED, range(FILES), shared=False)
    campaign.keep(found, tmp_path)
    faults = "\n\n".join(path.read_text(encoding="utf-8")[:3000] for path in sorted(tmp_path.rglob("fault.txt")))
    assert not found.examples, f"{found.summary}\n{faults}\nthe files are in {tmp_path}"
    assert found.mutants == FILES
    assert min(found.levels[level] for level in ("bytes", "names", "options", "structure", "tokens", "values")) > 50
    assert found.accepted > FILES / 10


def test_each_dialect_has_seeds() -> None:
    for dialect in DIALECTS:
        assert [seed for seed in seeds(shared=False) if seed.dialect == dialect]
        assert len(pool(dialect, shared=False).keys) > 10


def test_a_mutant_can_be_reproduced() -> None:
    made = [mutant(7, number, shared=False) for number in range(50)]
    assert made == [mutant(7, number, shared=False) for number in range(50)]
    assert len({one.data for one in made}) > 40


PROGRAM = """
import hashlib, pathlib, sys, tempfile
from tests.fuzz.invariants import Bench
from tests.fuzz.mutate import mutant
with tempfile.TemporaryDirectory() as folder:
    bench = Bench(pathlib.Path(folder), transcript=hashlib.sha256())
    for number in range(40):
        bench.faults(mutant(3, number, shared=False))
    print(bench.accepted, bench.transcript.hexdigest())
"""


def test_the_same_output_under_any_hash_seed() -> None:
    """Mutants, findings and generated files alike."""
    printed = {
        subprocess.check_output(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, env={**os.environ, "PYTHONHASHSEED": seed}, text=True
        )
        for seed in ("1", "2")
    }
    assert len(printed) == 1
    assert not printed.pop().startswith("0 ")


# The fuzzer itself: each kind of fault is seen.


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def kinds(bench: Bench, one: Mutant) -> list[str]:
    return [fault.kind for fault in bench.faults(one)]


def test_a_good_file_has_no_fault(bench: Bench) -> None:
    assert kinds(bench, mutant_of(GOOD)) == []
    assert bench.accepted == 1


def test_a_traceback_is_a_fault(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "read_pipelines", lambda *_: {}["gone"])
    (kind,) = kinds(bench, mutant_of(GOOD))
    assert kind.startswith("check: KeyError in ")


def test_a_hang_is_a_fault(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object) -> None:
        while True:
            pass

    monkeypatch.setattr(invariants, "HANG", 0.2)
    monkeypatch.setattr(reader, "read_pipelines", hang)
    (kind,) = kinds(bench, mutant_of(GOOD))
    assert kind.startswith("check: hang in ")


def test_a_slow_command_is_a_fault(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invariants, "BUDGET", 0.0)
    assert "check: slow" in kinds(bench, mutant_of(GOOD))


def test_an_odd_exit_status_is_a_fault(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("translator.cli.check.main", lambda _: 3)
    assert "check: exit status 3" in kinds(bench, mutant_of(GOOD))


def test_an_error_without_a_location_is_a_fault(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "read_pipelines", lambda _, found: found.error("odd", "no place", None) or ())
    assert "check: odd without a place" in kinds(bench, mutant_of(GOOD))


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("import os", "Import"),
        ("from os import path", "import of os"),
        ("print(1)", "the name print"),
        ("__import__('os')", "the name __import__"),
        ("x = ().__class__", "the attribute __class__"),
        ("x = lambda: 0", "Lambda"),
        ("del x", "Delete"),
        ("1", "a bare value"),
    ],
)
def test_code_that_no_template_writes_is_foreign(line: str, kind: str) -> None:
    assert next(generated.foreign(f"x = 0\n{line}\n")).startswith(kind)


def test_templates_write_all_code_of_the_goldens() -> None:
    files = [path for target in ("airflow", "prefect") for path in (ROOT / "tests/goldens" / target).rglob("*.py")]
    assert len(files) > 20
    # Only a translator.toml can name code to import, never a pipeline file; a flow of several runs imports that of one.
    named = ("import of company.alerts", "import of training_pipeline_flow ")
    found = {path: [one for one in generated.foreign(path.read_text()) if not one.startswith(named)] for path in files}
    assert {path: foreign for path, foreign in found.items() if foreign} == {}


def test_a_faulty_file_is_minimised() -> None:
    large = replace(mutant_of(GOOD * 20 + "# here\n"), options={"check": ("--tries=2",)}, name="odd name")
    small = minimised(large, lambda one: b"#" in one.data)
    assert (small.data, small.options, small.name) == (b"#", {}, "pipeline.yaml")


def test_a_failing_file_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json, "dumps", lambda *_, **__: {}["gone"])
    found = campaign.run(SEED, range(3), shared=False)
    assert found.examples
    campaign.keep(found, tmp_path)
    (text,) = [path.read_text() for path in tmp_path.rglob("fault.txt")]
    assert text.startswith("check: KeyError in diagnostics/machine.py:_dumped\n3 files; mutant 0 of seed 1")
    assert "translate check ./in/pipeline.yaml --format=json" in text
