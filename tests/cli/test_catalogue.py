"""Test ``translate catalogue``: names of data are listed, shown, added, moved and removed."""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING

import pytest

from translator.cli import main
from translator.shim.catalogue import stored
from translator.shim.catalogue.entries import Entry
from translator.shim.catalogue.names import parse
from translator.shim.contract import ExecutionId, FileRecord, Manifest, State
from translator.shim.store import open_store
from translator.shim.store.files import FileStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]

MAKER = ExecutionId("Prepare", "run-1", "split")


@pytest.fixture
def translate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs the command beside a store with a version that a step made."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    (tmp_path / "images/deep").mkdir(parents=True)
    for name, text in {"images/a.txt": "a", "images/deep/b.txt": "bb", "model.pkl": "m"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "translator.toml").write_text('[catalogue.names]\n"datum://configured" = "s3://bucket/x"\n')
    store = open_store(str(tmp_path / "artifacts"))
    file = FileRecord("a.txt", 3, "0" * 64, store.uri("x"), properties={"valohai.tags": ["clean", "small"]})
    stored.make(store, Entry(parse("dataset://images/v1"), (file,), "2026-11-28T14:00:16.142Z", MAKER))
    store.commit(Manifest(MAKER, State.COMPLETE, {}, {}, {}, (), "", ""))

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(["catalogue", *arguments])
        said = capsys.readouterr()
        return status, said.out, said.err

    return run


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in text.splitlines()]


def test_a_list(translate: Run) -> None:
    assert translate("add", "datum://prod", "model.pkl")[:2] == (0, "added datum://prod with 1 file\n")
    assert translate("add", "dataset://images/v2", "images", "s3://b/c")[:2] == (
        0,
        "added dataset://images/v2 with 3 files\n",
    )
    status, text, _ = translate("ls")
    rows = cells(text)
    assert (status, [row[0] for row in rows]) == (0, ["NAME", "datum://prod", "dataset://images/v2"])
    assert rows[2][1:4] == ["latest", "3", "-"]
    assert rows[2][-1] == "by hand"
    status, text, _ = translate("ls", "dataset://images")
    assert cells(text)[1] == ["dataset://images/v1", "1", "3 B", "2026-11-28 14:00:16", "Prepare run-1 split"]
    _, text, _ = translate("ls", "--format", "json")
    assert [(one["name"], one["aliases"]) for one in json.loads(text)] == [
        ("datum://prod", []),
        ("dataset://images/v2", ["latest"]),
    ]


def reads(translate: Run, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Return how many files of the store a command reads."""
    asked: list[str] = []
    original = FileStore.read

    def read(self: FileStore, key: str) -> bytes:
        asked.append(key)
        return original(self, key)

    with monkeypatch.context() as patch:
        patch.setattr(FileStore, "read", read)
        assert translate(*arguments)[0] == 0
    return len(asked)


def test_a_list_reads_what_it_shows(translate: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(str(tmp_path / "artifacts"))
    counts = []
    for number in range(2, 12):
        maker = ExecutionId("Prepare", f"run-{number}", "split")
        entry = Entry(parse(f"dataset://images/v{number}"), (), f"2026-11-28T14:00:{number + 20}.142Z", maker)
        stored.make(store, entry, aliases=[f"alias-{number}"] if number < 4 else [])
        store.commit(Manifest(maker, State.COMPLETE, {}, {}, {}, (), "", ""))
        if number >= 4:
            counts.append(
                (reads(translate, monkeypatch, "ls"), reads(translate, monkeypatch, "ls", "dataset://images"))
            )
    assert len({of_all for of_all, _ in counts}) == 1, "only the newest version is read"
    steps = {later - earlier for (_, earlier), (_, later) in itertools.pairwise(counts)}
    assert steps == {2}, "each version and its manifest is read once"
    _, text, _ = translate("ls", "--format", "json")
    assert [(one["name"], one["aliases"]) for one in json.loads(text)] == [("dataset://images/v11", ["latest"])]
    _, text, _ = translate("ls", "dataset://images", "--format", "json")
    listed = {one["name"]: one["aliases"] for one in json.loads(text)}
    assert len(listed) == 11
    assert listed["dataset://images/v3"] == ["alias-3"]
    translate("remove", "dataset://images/latest")
    assert cells(translate("ls")[1])[1][0] == "dataset://images/v11"


def test_an_empty_list(translate: Run, tmp_path: Path) -> None:
    assert translate("ls", "--store", "empty")[:2] == (0, f"no names in the catalogue of {tmp_path}/empty\n")
    assert "no names of model://x in the catalogue" in translate("ls", "model://x")[1]


def test_a_name_is_shown(translate: Run, tmp_path: Path) -> None:
    status, text, _ = translate("show", "dataset://images/latest")
    assert status == 0
    assert cells(text) == [
        ["name", "dataset://images/v1"],
        ["source", f"{tmp_path}/artifacts"],
        [],
        ["a.txt", "3 B", "000000000000", "clean, small"],
        [],
        ["history of dataset://images/latest:"],
        ["2026-11-28 14:00:16", "dataset://images/v1", "Prepare run-1 split"],
    ]
    document = json.loads(translate("show", "dataset://images/v1", "--format", "json")[1])
    assert (document["name"], document["history"]) == ("dataset://images/v1", [])
    assert document["files"][0]["properties"] == {"valohai.tags": ["clean", "small"]}


def test_a_configured_name_is_shown(translate: Run) -> None:
    _, text, _ = translate("show", "datum://configured")
    assert cells(text)[1:] == [["source", "translator.toml"], [], ["s3://bucket/x"]]


def test_an_alias(translate: Run) -> None:
    translate("add", "dataset://images/v2", "images")
    assert translate("alias", "dataset://images/dev", "dataset://images/latest")[1] == (
        "dataset://images/dev is dataset://images/v2 from now on\n"
    )
    translate("alias", "dataset://images/dev", "dataset://images/v1")
    assert cells(translate("show", "dataset://images/dev")[1])[0] == ["name", "dataset://images/v1"]
    translate("add", "datum://a", "model.pkl")
    assert translate("alias", "datum://b", "datum://a")[0] == 0
    assert "model.pkl" in translate("show", "datum://b")[1]


def test_a_name_is_removed(translate: Run) -> None:
    translate("add", "dataset://images/v2", "images")
    assert translate("remove", "dataset://images/v2")[1].startswith("removed dataset://images/v2; the files")
    assert cells(translate("show", "dataset://images/latest")[1])[0] == ["name", "dataset://images/v1"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("show",), "expected: translate catalogue show NAME"),
        (("add", "datum://x"), "expected: translate catalogue add NAME FILE|DIR|URI..."),
        (("list",), "invalid choice: 'list'"),
        (("show", "images"), "'images' is not a name of data"),
        (("show", "datum://none"), "datum://none is not in translator.toml, nor in the catalogue of the store"),
        (("ls", "datum://x"), "'datum://x' is not a dataset or a model"),
        (
            ("add", "dataset://images/v1", "model.pkl"),
            "dataset://images/v1 exists already: node 'split' of run",
        ),
        (("add", "datum://x", "model.pkl", "s3://b/c"), "datum://x stands for one file, not for 2"),
        (("add", "datum://x", "none"), "there is no file 'none'"),
        (("add", "datum://x", "file:///etc/passwd"), "file:///etc/passwd cannot be added"),
        (("add", "datum://x", "datum://y"), "datum://y cannot be added"),
        (("add", "datum://x", "foo://y"), "foo://y cannot be added"),
        (("add", "datum://x", "https://bob:secret@host/x"), "cannot be added: it contains a password"),
        (("add", "dataset://x/latest", "model.pkl"), "'latest' is the alias of the newest version"),
        (("add", "dataset://x/1", "images", "images/a.txt"), "would both be 'a.txt'"),
        (
            ("alias", "dataset://other/a", "dataset://images/v1"),
            "an alias of dataset://images/v1 is written dataset://im",
        ),
        (("alias", "dataset://images/v1", "dataset://images/latest"), "because there is a version of that name"),
        (("alias", "dataset://images/a", "dataset://images/v9"), "dataset://images/v9 is not in the catalogue"),
        (("remove", "datum://x"), "datum://x is not in the catalogue"),
    ],
)
def test_usage(translate: Run, arguments: tuple[str, ...], reason: str) -> None:
    status, out, err = translate(*arguments)
    assert (status, out) == (2, "")
    assert reason in err
    assert len(err.splitlines()) == 1
