"""Write workflows that run a pipeline once per combination of values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.matrices import TEXT
from translator.cli import main

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "airflow": ("several.py", "several_matrix.py"),
    "prefect": ("several_flow.py", "several_matrix_flow.py"),
}


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "valohai.yaml").write_text(TEXT + TEXT[TEXT.index("- pipeline") :].replace("Several", "Other"))
    return str(tmp_path / "valohai.yaml")


@pytest.mark.parametrize("target", FILES)
def test_two_files(target: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [file, "--pipeline", "Several", "--target", target, "-o", f"{tmp_path}/out/"]
    assert main([*command, "--matrix", "seed=1,2", "--matrix", "train.rate=0.1"]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(FILES[target])
    assert capsys.readouterr().out == "".join(f"wrote {tmp_path}/out/{name}\n" for name in FILES[target])
    assert '{"seed": 2, "train.rate": 0.1}' in (tmp_path / "out" / FILES[target][1]).read_text()
    # The same command replaces the file, and other values do, too.
    assert main([*command, "--matrix", "seed=3"]) == 0
    assert '{"seed": 3}' in (tmp_path / "out" / FILES[target][1]).read_text()


def test_the_tasks_of_a_dag_of_several_runs_have_the_workers_of_the_pipeline(file: str, tmp_path: Path) -> None:
    settings = '[defaults.airflow]\nowner = "ml"\nqueue = "gpu"\npriority_weight = 2\n'
    (tmp_path / "translator.toml").write_text(settings)
    assert main([file, "--pipeline", "Several", "--target", "airflow", "-o", f"{tmp_path}/", "--matrix", "seed=1"]) == 0
    text = " ".join((tmp_path / "several_matrix.py").read_text().split())
    assert 'default_args={"retries": 0, "owner": "ml", "queue": "gpu"}' in text


def test_a_file_of_somebody_else_stays(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "several_matrix.py").write_text("mine\n")
    command = [file, "--pipeline", "Several", "--target", "airflow", "-o", f"{tmp_path}/", "--matrix", "seed=1"]
    assert main(command) == 1
    assert "several_matrix.py already exists and is not a generated file" in capsys.readouterr().err
    assert (tmp_path / "several_matrix.py").read_text() == "mine\n"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--pipeline", "Several", "--matrix", "seed=1"), "--matrix writes a second file; name the directory"),
        (("-o", "OUT/", "--matrix", "seed=1"), "--matrix sets parameters of one pipeline; choose it with --pipeline"),
        (
            ("--pipeline", "Several", "-o", "OUT/", "--matrix", "train.api_token=a"),
            "--matrix train.api_token: the generated file would contain its values, which may be secrets",
        ),
        (
            ("--pipeline", "Several", "-o", "OUT/", "--matrix", "train.rate=https://h/x,https://bob:pass@h/x"),
            "--matrix train.rate: the generated file would contain its values, which may be secrets",
        ),
        (("--pipeline", "Several", "-o", "OUT/", "--matrix", "sed=1"), "--matrix sed: there is no parameter 'sed'"),
        (("--pipeline", "Several", "-o", "OUT/", "--matrix", "seed=1,x"), "--matrix seed: "),
    ],
)
def test_what_cannot_be_written(
    options: tuple[str, ...], message: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = [option.replace("OUT", str(tmp_path / "out")) for option in options]
    assert main([file, "--target", "airflow", *own]) in {1, 2}
    assert message in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.glob("out/*"))
