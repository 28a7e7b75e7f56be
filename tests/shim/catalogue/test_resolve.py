"""Test what a name of data stands for: the configuration counts first, then resolvers, then the store's catalogue."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING

import pytest

from translator.shim.catalogue import stored
from translator.shim.catalogue.entries import Entry
from translator.shim.catalogue.names import CatalogueError, parse
from translator.shim.catalogue.resolve import resolve
from translator.shim.contract import FileRecord
from translator.shim.store import StoreError, open_store

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from translator.shim.contract import FileRecord
from translator.shim.store import Store

TOML = """
[catalogue]
resolvers = ["company"]
[catalogue.names]
"datum://model" = "s3://models/model.pkl"
"dataset://images/v1" = ["s3://images/*.jpg", "labels.csv"]
"dataset://images/latest" = "dataset://images/v1"
"dataset://stored/alias" = "dataset://stored/v1"
"datum://round" = "datum://robin"
"datum://robin" = "datum://round"
[catalogue.environments.staging]
"datum://model" = "s3://staging/model.pkl"
"""
KNOWN = {
    "datum://model": ("datum://model", ["s3://models/model.pkl"]),
    "dataset://images/latest": ("dataset://images/v1", ["s3://images/*.jpg", "labels.csv"]),
    "dataset://stored/alias": ("dataset://stored/v1", ["s3://stored/1"]),
    "dataset://stored/latest": ("dataset://stored/v1", ["s3://stored/1"]),
    "datum://asked": ("datum://asked", ["gs://asked/None"]),
    "datum://renamed": ("datum://model", ["s3://models/model.pkl"]),
}


def company(name: str, environment: str | None) -> Sequence[str] | str | None:
    """Resolve a few names, as a package of a company would."""
    if name == "datum://fails":
        raise KeyError("no")
    answers = {"datum://asked": f"gs://asked/{environment}", "datum://renamed": "datum://model", "datum://odd": [1]}
    return answers.get(name)


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    point = importlib.metadata.EntryPoint("company", f"{__name__}:company", "translator.resolvers")
    real = importlib.metadata.entry_points
    monkeypatch.setattr(
        importlib.metadata,
        "entry_points",
        lambda **wanted: [point] if wanted == {"group": "translator.resolvers", "name": "company"} else real(**wanted),
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(str(tmp_path / "store"))
    stored.make(store, Entry(parse("dataset://stored/v1"), ("s3://stored/1",), ""))
    stored.make(store, Entry(parse("datum://model"), ("s3://never",), ""))
    return store


def configured(folder: Path, text: str = TOML, name: str = "translator.toml") -> Path:
    (folder / name).write_text(text)
    return folder / name


@pytest.mark.parametrize("written", KNOWN)
def test_a_name(written: str, store: Store, tmp_path: Path) -> None:
    found = resolve(written, configured(tmp_path), store)
    assert (found.name, list(found.files)) == KNOWN[written]


def test_the_environment_counts_first(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = configured(tmp_path)
    monkeypatch.setenv("TRANSLATOR_ENVIRONMENT", "staging")
    assert resolve("datum://model", file, store).files == ("s3://staging/model.pkl",)
    assert resolve("dataset://images/v1", file, store).files == ("s3://images/*.jpg", "labels.csv")
    assert resolve("datum://asked", file, store).files == ("gs://asked/staging",)
    monkeypatch.setenv("TRANSLATOR_ENVIRONMENT", "stagin")
    with pytest.raises(CatalogueError, match=r"TRANSLATOR_ENVIRONMENT is 'stagin'.* it has: staging"):
        resolve("datum://model", file, store)


def test_without_a_configuration_the_store_counts(store: Store) -> None:
    assert resolve("datum://model", None, store).files == ("s3://never",)


def test_names_in_another_file(store: Store, tmp_path: Path) -> None:
    configured(tmp_path, TOML.replace("catalogue.", "").replace("[catalogue]\nresolvers", "#"), "names.toml")
    file = configured(tmp_path, '[catalogue]\nfile = "names.toml"\nresolvers = ["company"]\n')
    assert resolve("datum://model", file, store).files == ("s3://models/model.pkl",)
    assert resolve("datum://asked", file, store).files == ("gs://asked/None",)


def test_names_in_pyproject(store: Store, tmp_path: Path) -> None:
    text = TOML.replace("[catalogue", "[tool.pipeline-translator.catalogue")
    file = configured(tmp_path, text, "pyproject.toml")
    assert resolve("datum://model", file, store).files == ("s3://models/model.pkl",)


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (
            "datum://none",
            "datum://none is not in .*translator.toml, nor in the catalogue of the store .*, nor in the resol",
        ),
        ("datum://round", "stands for a name that stands for a name"),
        ("datum://fails", "the resolver 'company' failed for datum://fails: KeyError: 'no'"),
        ("datum://odd", "the resolver 'company' returned no URIs for datum://odd"),
    ],
)
def test_what_cannot_be_resolved(written: str, reason: str, store: Store, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=reason):
        resolve(written, configured(tmp_path), store)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[catalogue", "is not TOML"),
        ("catalogue = 1", "'catalogue' must be a table"),
        ('[catalogue]\nfile = "none.toml"', "none.toml cannot be read: No such file"),
        ("[catalogue]\nfile = 1", "'file' must be a string"),
        ("[catalogue]\nresolvers = 1", "'resolvers' must be a list"),
        ('[catalogue]\nresolvers = ["none"]', "the resolver 'none' is not installed on this worker"),
        ('[catalogue.names]\n"datum://x" = 1', "'datum://x' must be a URI or a list of URIs"),
        ('[catalogue.names]\n"datum://x" = []', "'datum://x' must be a URI or a list of URIs"),
        ('[catalogue.names]\n"dataset://x" = "y"', "write dataset://NAME/VERSION"),
        ('[catalogue.names]\n"datum://y" = ["datum://x", "z"]', "datum://x cannot be one of them"),
    ],
)
def test_a_catalogue_that_cannot_be_used(text: str, reason: str, store: Store, tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match=reason):
        resolve("datum://y", configured(tmp_path, text), store)


@pytest.mark.parametrize(
    "uri",
    [
        *("/etc/passwd", "file:///etc/passwd", "FILE:///etc/passwd", "local:///etc/passwd", "simplecache::file://x"),
        *("ROOT/../../../etc/passwd", "ROOT/%2e%2e/%2e%2e/etc/pass*", "ROOT/x.txt"),
    ],
)
def test_the_store_cannot_name_files_of_the_worker(uri: str, store: Store) -> None:
    stored.make(store, Entry(parse("datum://hostile"), (uri.replace("ROOT", store.root),), ""))
    with pytest.raises(CatalogueError, match="which only a worker could have"):
        resolve("datum://hostile", None, store)


@pytest.mark.parametrize("path", ["../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "a//b"])
def test_a_file_of_the_store_does_not_lead_out_of_it(path: str, store: Store) -> None:
    file = FileRecord("x", 1, "0" * 64, f"{store.root}/{path}")
    stored.make(store, Entry(parse("datum://hostile"), (file,), ""))
    with pytest.raises(StoreError, match="is not in the store"):
        resolve("datum://hostile", None, store)


def test_a_store_that_cannot_be_read_is_an_error(store: Store, tmp_path: Path) -> None:
    store.write(".catalogue/dataset/images/versions/v9/000001.json", b"no")
    with pytest.raises(StoreError, match="is not JSON"):
        resolve("dataset://images/v9", configured(tmp_path), store)
