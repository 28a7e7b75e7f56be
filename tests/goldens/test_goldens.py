"""What is generated, as real files: ``cases/<case>.yaml`` and ``<target>/<case>/<file of the pipeline>.py``.

A new case is a YAML file in ``cases/``, or in a directory there that is called after its dialect; ``make goldens``
writes its expected files. They must pass the formatter and the linter as an expert's own file would, be the same under
any hash seed, and hold no line that depends on us.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from translator.cli.matrix_option import combinations
from translator.dialects import Choices
from translator.load import load
from translator.targets import GenerateOptions, airflow, prefect
from translator.targets.render import MARKER

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
CASES = {
    path.relative_to(HERE / "cases").with_suffix("").as_posix(): path
    for path in sorted((HERE / "cases").rglob("*.yaml"))
}
CASES["examples"] = ROOT / "examples" / "valohai" / "valohai.yaml"
CHOICES = {"parts": Choices(first="join"), "magnus/part": Choices(first="train")}
"""The options with which a case is read, if it has any."""
SNAPSHOT = f"snapshot:{'0123456789abcdef' * 4}"
OPTIONS = {"pods/training": GenerateOptions(fetched=SNAPSHOT)}
"""The context of the files of a case, if it is not the usual one."""
MATRICES = {"training": ("train.batch_size=32,64", "train.learning_rate=[[0.1, 0.01], [0.001]]")}
"""The combinations of values of a case, for a workflow that runs the pipeline once for each."""
TARGETS = {"airflow": airflow, "prefect": prefect}
RULES = "A,AIR,B,D205,D400,E,F,I,PLW,UP"
"""What ruff checks."""


def generated(case: str, target: str) -> dict[Path, str]:
    """The files that ``target`` writes for ``case``."""
    module = TARGETS[target]
    loaded = load(CASES[case], choices=CHOICES.get(case))
    assert loaded.pipelines, f"{case} has no pipeline: {loaded.diagnostics}"
    folder = HERE / target / case
    options = OPTIONS.get(case, GenerateOptions())
    files = {folder / module.file_name(pipeline): module.generate(pipeline, options) for pipeline in loaded.pipelines}
    for pipeline in loaded.pipelines if case in MATRICES else ():
        own = folder / module.file_name(pipeline)
        points = combinations(pipeline, MATRICES[case], (), loaded.diagnostics)
        name, text = module.write_matrix(pipeline, options, own.name, files[own], points)
        files[folder / name] = text
    return files


def expected(target: str) -> list[Path]:
    return sorted((HERE / target).rglob("*.py"))


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", CASES)
def test_golden(case: str, target: str, update_goldens: bool) -> None:
    files = generated(case, target)
    folder = HERE / target / case
    if update_goldens:
        folder.mkdir(parents=True, exist_ok=True)
        for stale in set(folder.glob("*.py")) - set(files):
            stale.unlink()
        for path, text in files.items():
            path.write_text(text, encoding="utf-8")
    assert set(folder.glob("*.py")) == set(files), "make goldens, and read the diff"
    for path, text in files.items():
        assert text == path.read_text(encoding="utf-8"), f"{path.name} differs: make goldens, and read the diff"


@pytest.mark.parametrize("target", TARGETS)
def test_every_expected_file_has_a_case(target: str) -> None:
    assert {path.parent.relative_to(HERE / target).as_posix() for path in expected(target)} <= set(CASES)


@pytest.mark.parametrize("target", TARGETS)
def test_generated_files_pass_the_linters(target: str, tmp_path: Path) -> None:
    """In its own directory, where our packages are third parties, as they are for users."""
    folder = str(HERE / target)
    assert expected(target)
    ruff = [sys.executable, "-m", "ruff"]
    check = subprocess.run(
        [*ruff, "check", "--isolated", "--preview", f"--select={RULES}", folder],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout
    style = subprocess.run(
        [*ruff, "format", "--isolated", "--diff", folder],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert style.returncode == 0, style.stdout


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", CASES)
def test_generated_files_do_not_depend_on_the_machine(case: str, target: str) -> None:
    for text in generated(case, target).values():
        assert str(ROOT) not in text
        assert str(Path.home()) not in text


@pytest.mark.parametrize("seed", ["0", "1", "4242"])
def test_generated_files_do_not_depend_on_the_hash_seed(seed: str, tmp_path: Path) -> None:
    for target in TARGETS:
        out = tmp_path / target
        subprocess.run(
            [sys.executable, "-m", "translator.cli", str(CASES["examples"]), "--target", target, "-o", f"{out}/"],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        )
        for path in out.glob("*.py"):
            again = HERE / target / "examples" / path.name
            assert body(path) == body(again)


def body(path: Path) -> list[str]:
    """The lines of a generated file, without those that say where the source file and the project directory are."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if not line.startswith(("PROJECT", MARKER))]
