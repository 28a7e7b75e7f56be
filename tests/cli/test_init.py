"""Test the projects of `translate init`; tests/examples runs one on each engine."""

from pathlib import Path

import pytest

from translator import registry
from translator.cli import main

LANGUAGES = registry.names(registry.DIALECTS)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_project_checks_and_translates(language, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", language, "new/project"]) == 0
    shown = capsys.readouterr().out
    written = {Path(line.removeprefix("wrote ")) for line in shown.splitlines() if line.startswith("wrote ")}
    assert written == {file.relative_to(tmp_path) for file in tmp_path.rglob("*") if file.is_file()}
    *_, last = shown.splitlines()
    assert "next steps:\n  cd new/project\n  translate check\n  translate run\n" in shown
    monkeypatch.chdir("new/project")
    assert main(["check", "--strict"]) == 0
    assert main(last.split()[1:]) == 0
    assert main(["--target", "prefect"]) == 0


def test_nothing_is_overwritten(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("train.py").write_text("mine")
    assert main(["init", "valohai"]) == 1
    assert capsys.readouterr().err == "translate: train.py already exists; nothing was written\n"
    assert [file.name for file in tmp_path.iterdir()] == ["train.py"]
    assert Path("train.py").read_text() == "mine"


def test_a_language_is_needed(capsys):
    assert main(["init"]) == 2
    assert "required: LANGUAGE" in capsys.readouterr().err
    assert main(["init", "magnum"]) == 2
    assert "did you mean 'magnus'?" in capsys.readouterr().err


def test_a_directory_that_cannot_be_written_is_an_error(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert main(["init", "loom", str(tmp_path / "file")]) == 2
    assert "cannot write" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("directory", "change"),
    [("", ""), (".", ""), ("./", ""), ("-new", "cd ./-new\n"), ("my project", "cd 'my project'\n")],
)
def test_the_next_steps_change_to_the_directory(directory, change, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["init", "loom", "--", directory]) == 0
    lines = capsys.readouterr().out.partition("next steps:\n")[2].splitlines()
    assert "".join(f"{line.strip()}\n" for line in lines if "cd " in line) == change
    assert (tmp_path / directory / "pipeline.yml").is_file()
