"""Start resumed runs with the options of the earlier run, except secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from translator.cli import input_option, param_option, resume_option
from translator.cli.exit_status import UsageError
from translator.cli.pipeline_options import choose
from translator.cli.run import parser
from translator.diagnostics import Diagnostics
from translator.history import launched
from translator.history.launched import Options
from translator.history.runs import HistoryError
from translator.launch_inputs import key
from translator.load import load
from translator.shim.store import StoreError, open_store

if TYPE_CHECKING:
    from argparse import Namespace
    from pathlib import Path

    from translator.load import Loaded
    from translator.shim.store import Store

TEXT = """\
- step:
    name: work
    image: busybox
    command: "true"
    parameters:
      - {name: n, type: integer, default: 1}
      - {name: rate, type: float, default: 0.5}
      - {name: note, type: string, default: none}
      - {name: api_token, type: string, optional: true}
    inputs:
      - {name: data, optional: true}
- pipeline:
    name: Work
    parameters:
      - {name: seed, default: 1, targets: [one.parameters.n]}
    nodes:
      - {name: one, type: execution, step: work}
      - {name: many, type: task, step: work, on-error: retry}
    edges: []
"""
DATA = key("one", "data")
OPTIONS = Options(
    {
        "seed": 7,
        "many.n": (1, 2),
        "one.note": ("[a, b",),
        "one.api_token": "t0p",
        "many.note": ('{"dsn": "https://bob:pw@example.com/x"}',),
        key("many", "data"): ("https://bob:pw@example.com/x",),
        key("one", "data"): ("/data/x.csv",),
    },
    grid=("one.rate=0.1,0.2", "one.api_token=a,b", "gone.url=https://h/x,https://bob:pw@h/x", "gone.n=1"),
    tries=5,
    reuse=("one", "gone"),
)


@pytest.fixture
def loaded(tmp_path: Path) -> Loaded:
    (tmp_path / "valohai.yaml").write_text(TEXT)
    return load(tmp_path / "valohai.yaml")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(str(tmp_path / "store"))
    record = {
        "version": 1,
        "pipeline": "Work",
        "run": "first",
        "engine": "airflow",
        "state": "error",
        "started": "2026-11-29T00:00:00Z",
        "ended": "2026-11-29T00:00:01Z",
        "parameters": {"seed": 7},
        "nodes": {},
    }
    store.write_json("Work/first/run.json", record)
    launched.write(store, "Work", "first", OPTIONS)
    return store


def options(tmp_path: Path, *more: str) -> Namespace:
    return parser().parse([str(tmp_path / "valohai.yaml"), "--store", str(tmp_path / "store"), "--resume", *more])


def resumed(loaded: Loaded, args: Namespace) -> resume_option.Resumed:
    found = resume_option.find_resumed(args, loaded)
    assert found is not None
    return found


def test_secrets_are_not_recorded(store: Store) -> None:
    text = store.read("Work/first/launch.json").decode()
    assert not [secret for secret in ("t0p", "bob:pw", "a,b") if secret in text]
    read = launched.read(store, "Work", "first")
    assert read is not None
    assert set(read.withheld) == {key("many", "data"), "one.api_token", "gone.url", "many.note"}
    assert dict(read.values) == {name: OPTIONS.values[name] for name in ("seed", "many.n", "one.note", DATA)}
    assert (read.tries, read.reuse) == (5, ("one", "gone"))


def test_options_come_again(store: Store, loaded: Loaded, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    args = options(tmp_path)
    found = resumed(loaded, args)
    again = resume_option.with_options_of(found, args, loaded.choose())
    assert (again.grid, again.tries, again.reuse, again.no_reuse) == (["one.rate=0.1,0.2"], 5, ["one"], False)
    assert (
        "run first had --grid gone.n=1, which the pipeline has no node or parameter for now" in capsys.readouterr().err
    )

    pipeline = choose(loaded, None, grid=again.grid)
    problems = Diagnostics()
    values = input_option.files(pipeline, [], None, {}, problems, found.inputs(pipeline))
    values |= param_option.values(pipeline, found.parameters(pipeline, values), problems)
    assert problems.ok, problems.found
    assert values == {"seed": (7,), "many.n": (1, 2), "one.note": ("[a, b",), DATA: ("/data/x.csv",)}
    resume_option.warn_of_secrets(found, values, again.grid)
    assert "one.api_token, which are not recorded" in capsys.readouterr().err


def test_values_that_the_pipeline_has_no_parameter_for(
    store: Store, loaded: Loaded, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = {"seed": 7, DATA: ("/data/x.csv",), "one.gone": 1, key("one", "gone"): ("/x",)}
    launched.write(store, "Work", "first", Options(values))
    found = resumed(loaded, options(tmp_path))
    resume_option.warn_of_unknown(found, loaded.choose())
    said = f"run first had values for one.gone, {key('one', 'gone')}, which the pipeline has no parameter or input for"
    assert said in capsys.readouterr().err


def test_options_that_are_given_win(store: Store, loaded: Loaded, tmp_path: Path) -> None:
    args = options(tmp_path, "first", "--grid", "one.rate=0.3", "--tries", "2", "--no-reuse", "--param", "seed=8")
    found = resumed(loaded, args)
    again = resume_option.with_options_of(found, args, loaded.choose())
    assert (again.grid, again.tries, again.reuse, again.no_reuse) == (["one.rate=0.3"], 2, [], True)
    assert not [text for text in found.parameters(loaded.choose(), {"seed"}) if text.startswith("seed=")]


def test_a_run_that_has_no_options(store: Store, loaded: Loaded, tmp_path: Path) -> None:
    """A run of a deployed engine has the pipeline's own parameters in its record."""
    store.remove("Work/first/launch.json")
    args = options(tmp_path)
    found = resumed(loaded, args)
    assert found.parameters(loaded.choose(), ()) == ["seed=7"]
    again: Any = resume_option.with_options_of(found, args, loaded.choose())
    assert (again.grid, again.tries, again.reuse, again.no_reuse) == ([], None, [], False)


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"values": []},
        {"values": {}, "grid": "x", "tries": None, "reuse": [], "withheld": []},
        {"values": {}, "grid": [], "tries": True, "reuse": [], "withheld": []},
        {"values": {}, "grid": [], "tries": 0, "reuse": [], "withheld": []},
        {"values": {}, "grid": [1], "tries": 1, "reuse": None, "withheld": []},
    ],
)
def test_a_damaged_record(store: Store, document: object) -> None:
    store.write_json("Work/first/launch.json", document)
    with pytest.raises(StoreError, match="does not have the options of a run"):
        launched.read(store, "Work", "first")


def test_what_cannot_be_resumed(store: Store, loaded: Loaded, tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="other"):
        resume_option.find_resumed(options(tmp_path, "other"), loaded)
    with pytest.raises(UsageError, match="expected a run; write the pipeline file first"):
        resume_option.find_resumed(options(tmp_path, str(tmp_path / "valohai.yaml")), loaded)
