"""Test what each kind of step of Magnus and runnable sees and publishes."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from translator.shim.contract import Catalog, Context, ExecutionId, Scope, State, Step
from translator.shim.controlflow import scopes
from translator.shim.dialects.magnus.secrets import Secrets
from translator.shim.execution import execute
from translator.shim.outcome import controlflow
from translator.shim.store import open_store
from translator.shim.workspace import outputs

FUNCTIONS = """
import sys
class Model:
    def __init__(self, **fields): self.fields = fields
    def model_dump(self, by_alias=False): return self.fields
def give(x: int): return Model(y=x + 1)
def one(): return 1
def same(x: int): return Model(x=x)
def sets():
    from magnus import set_parameter
    set_parameter(x=1)
def rest_of(**more): return Model(y=1)
def starred(*more): return Model(y=1)
class Fields(Model):
    model_fields = {"x": None}
def both(m: Fields, x: int): return Model(y=x)
def pair(): return 1, {"a": [2]}
def boom(): raise ValueError("boom")
def leave(): sys.exit(0)
def typed(x: "int | None", y: list[int] = (), z=3): return repr((x, y, z))
def rest(x, **more): return sorted(more)
def thing(): return {1, 2}
def use(it): return sorted(it)
def asks():
    from magnus import get_parameter, set_parameter, track_this
    set_parameter(x=get_parameter("x") + 1)
    track_this(loss=0.5)
def secret():
    from magnus import get_secret
    print("it is", get_secret("TOKEN"))
def tells():
    from magnus import get_secret, set_parameter, track_this
    found = get_secret("TOKEN")
    set_parameter(a=[found, {found: "x" + found}])
    track_this(m=found)
def cut():
    from magnus import get_secret
    raise ValueError("-" * 280 + get_secret("TOKEN") * 3)
def deep(depth: int):
    value = 1
    for _ in range(depth): value = [value]
    return Model(d=value)
def deep_value(depth: int): return deep(depth).fields["d"]
def objects():
    from magnus import put_object
    put_object([1], "kept")
def objects_again():
    from magnus import get_object, set_parameter
    set_parameter(again=get_object("kept"))
"""


class Run:
    def __init__(self, folder) -> None:
        self.project, self.uri, self.log = folder / "project", str(folder / "store"), []
        self.project.mkdir()
        (self.project / "fns.py").write_text(FUNCTIONS)

    def __call__(self, dialect, kind, command="", scope=None, **more):
        context = Context(ExecutionId("p", "r", "n"), self.uri, self.project, "prefect", self.log.append)
        step = Step("s", [command] if command else [], dialect=dialect, kind=kind, **more)
        return execute(step, context, scope=scope or Scope())


@pytest.fixture
def run(tmp_path) -> Run:
    return Run(tmp_path)


@pytest.mark.parametrize(
    ("dialect", "kind", "command", "given", "returns", "expected"),
    [
        ("magnus", "stub", "", {}, {}, {}),
        ("magnus", "stub", "", {"Foo": 1}, {}, {"foo": 1}),
        ("magnus", "shell", "export MAGNUS_PRM_x='[1, 2]' MAGNUS_PRM_Y=text", {}, {}, {"x": [1, 2], "y": "text"}),
        ("magnus", "shell", "echo MAGNUS_PRM_x=7", {}, {}, {"x": 7}),
        ("magnus", "shell", "echo MAGNUS_PRM_x=7", {"x": 7}, {}, {"x": 7}),
        ("magnus", "shell", "export MAGNUS_PRM_x=7", {"x": 7}, {}, {}),
        ("magnus", "python", "fns.same", {"x": 1}, {}, {"x": 1}),
        ("magnus", "python", "fns.sets", {"x": 1}, {}, {"x": 1}),
        ("magnus", "shell", "export MAGNUS_PRM_x=7; exit 0", {}, {}, {}),
        ("magnus", "shell", 'test "$MAGNUS_PRM_x" = \'"a"\'', {"x": "a"}, {}, {}),
        ("magnus", "python", "fns.give", {"x": 1}, {}, {"y": 2}),
        ("magnus", "python", "fns.asks", {"x": 1}, {}, {"x": 2}),
        ("magnus", "python", "fns.boom", {}, {}, None),
        ("magnus", "python", "fns.one", {}, {}, None),
        ("magnus", "python", "fns.give", {}, {}, None),
        ("magnus", "python", "fns.leave", {}, {}, None),
        ("magnus", "python", "no.such", {}, {}, None),
        ("magnus", "shell", "exit 3", {}, {}, None),
        ("runnable", "stub", "", {"Foo": 1}, {}, {}),
        ("runnable", "shell", "export a=1 b=007 c=x", {}, dict.fromkeys("abz", "json"), {"a": 1, "b": "007"}),
        ("runnable", "shell", "export a='1\n2'", {}, {"a": "json"}, None),
        ("runnable", "shell", "export b='1\n2' a='\n3'", {}, {"a": "json"}, None),
        ("runnable", "shell", 'test "$x" = \'[1]\' && test -z "$HOME"', {"x": [1]}, {}, {}),
        ("runnable", "python", "fns.pair", {}, {"a": "json", "b": "metric"}, {"a": 1, "b": {"a": [2]}}),
        ("runnable", "python", "fns.pair", {}, {"a": "json"}, None),
        ("runnable", "python", "fns.thing", {}, {"a": "json"}, None),
        ("runnable", "python", "fns.typed", {"x": None, "y": [1]}, {"r": "json"}, {"r": "(None, [1], 3)"}),
        ("runnable", "python", "fns.rest", {"x": 1, "b": 2, "a": 3}, {"r": "json"}, {"r": ["a", "b"]}),
    ],
)  # fmt: skip
def test_what_is_written(run, dialect, kind, command, given, returns, expected) -> None:
    manifest = run(dialect, kind, command, scopes.initial(dialect, given, {}), returns=returns)
    assert manifest.state == (State.ERROR if expected is None else State.COMPLETE), manifest.reason
    assert dict(manifest.scope.written) == (expected or {})
    assert open_store(run.uri).manifest(manifest.uri) == manifest


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        ("rest_of", "Magnus does not pass **more of rest_of; declare each parameter that the function needs"),
        ("starred", "Magnus does not pass *more of starred; declare each parameter that the function needs"),
        (
            "both",
            "parameter 'x' is a field of the model 'm' of both, which consumes it in Magnus; move",
        ),
        ("give", "parameter 'x' is required by give and has no value"),
    ],
)
def test_a_function_that_magnus_cannot_call(run, function, reason) -> None:
    given = {"m": {"x": 1}, **({} if function == "give" else {"x": 1})}
    manifest = run("magnus", "python", f"fns.{function}", Scope(inherited=given))
    assert manifest.state is State.ERROR
    assert reason in f"{manifest.reason} {run.log}"


@pytest.mark.parametrize("depth", [99, 150, 400, 50_000])
@pytest.mark.parametrize(
    ("dialect", "kind", "command", "returns"),
    [
        ("magnus", "python", "fns.deep", {}),
        ("magnus", "shell", "export MAGNUS_PRM_d=", {}),
        ("runnable", "python", "fns.deep_value", {"d": "json"}),
        ("runnable", "shell", "export d=", {"d": "json"}),
    ],
)
def test_a_value_that_is_nested_deep(run, dialect, kind, command, returns, depth) -> None:
    command += f"{'[' * depth}1{']' * depth}" if kind == "shell" else ""
    manifest = run(dialect, kind, command, Scope(inherited={"depth": depth}), returns=returns)
    if depth < 100:
        assert manifest.state is State.COMPLETE, manifest.reason
        assert str(manifest.scope.written["d"]) == f"{'[' * depth}1{']' * depth}"
        assert open_store(run.uri).manifest(manifest.uri) == manifest
    else:
        assert manifest.state is State.ERROR
        told = f"{manifest.reason} {run.log}"
        assert "it is nested deeper than 100" in told or "is nested too deep" in told or "RecursionError" in told


def test_metrics(run) -> None:
    assert run("magnus", "python", "fns.asks", Scope(inherited={"x": 1})).metadata == {"loss": 0.5}
    shell = "export MAGNUS_TRACK_a=1 MAGNUS_TRACK_b_STEP_1=2 MAGNUS_TRACK_b_STEP_2=3"
    assert run("magnus", "shell", shell).metadata == {"a": 1, "b": {"1": 2, "2": 3}}
    assert run("runnable", "python", "fns.one", returns={"m": "metric"}).metadata == {"m": 1}


def test_items_shadow_parameters_and_are_not_written(run) -> None:
    scope = scopes.enter(Scope(inherited={"x": 5}), item={"x": 1})
    assert run("magnus", "python", "fns.give", scope).scope.written == {"y": 2}
    echo = 'test "$MAGNUS_MAP_VARIABLE" = \'{"x": 1}\''
    assert run("magnus", "shell", echo, scope).state == "complete"


def test_objects_go_through_the_catalog(run) -> None:
    first = run("runnable", "python", "fns.thing", returns={"it": "object"})
    assert [file.path for file in first.outputs] == ["it.dill"]
    second = run("runnable", "python", "fns.use", first.scope, returns={"r": "json"})
    assert second.scope.written["r"] == [1, 2]
    kept = run("magnus", "python", "fns.objects")
    assert run("magnus", "python", "fns.objects_again", kept.scope).scope.written == {"again": [1]}


@pytest.mark.parametrize("dialect", ["magnus", "runnable"])
def test_the_catalog(run, dialect) -> None:
    (run.project / "old.txt").write_text("old")
    put = run(
        dialect, "shell", "echo 1 > old.txt; /bin/mkdir -p d && echo 2 > d/b", catalog=Catalog(put=["old.txt", "d/*"])
    )
    assert sorted(put.scope.put) == ["d/b", "old.txt"]
    assert (run.project / "old.txt").read_text() == "old"
    got = run(dialect, "shell", "read a < old.txt; read b < d/b; echo 3 > d/b; test $a$b = 12", put.scope,
              catalog=Catalog(get=["**/*"]))  # fmt: skip
    assert got.state == "complete", got.reason
    none = run(dialect, "stub", "", put.scope, catalog=Catalog(get=["*.csv"]))
    assert none.state == "error"
    assert "the files in the catalog are: d/b, old.txt" in none.reason
    assert run(dialect, "stub", "", catalog=Catalog(put=["*.csv"])).state == "error"
    failed = run(dialect, "shell", "echo 1 > x; exit 1", catalog=Catalog(put=["x", "y"]))
    assert (failed.state, list(failed.scope.put)) == ("error", ["x"] if dialect == "runnable" else [])


def test_secrets_are_shown_nowhere(run, monkeypatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2")
    found = run("runnable", "shell", "echo $TOKEN; echo $TOKEN >&2; exit 1", secrets=["TOKEN"])
    asked = run("magnus", "python", "fns.secret")
    assert (found.state, asked.state) == ("error", "complete")
    assert "hunter2" not in "\n".join([*run.log, str(found)])
    assert "it is ***" in run.log
    monkeypatch.delenv("TOKEN")
    missing = run("runnable", "shell", "true", secrets=["TOKEN"])
    assert (missing.state, "TOKEN" in missing.reason) == ("error", True)
    assert run("magnus", "python", "fns.secret").state == "error"


@pytest.mark.parametrize("dialect", ["magnus", "runnable"])
def test_secrets_are_not_in_the_files_of_a_workspace(run, monkeypatch, dialect) -> None:
    monkeypatch.setenv("TOKEN", "hunter2hunter2")
    seen = []
    tidy = outputs.tidy
    monkeypatch.setattr(outputs, "tidy", lambda *args: seen.extend(texts(run)) or tidy(*args))
    assert run(dialect, "shell", "true", secrets=["TOKEN"]).state == run(dialect, "stub").state == State.COMPLETE
    assert len(seen) > 2
    assert not any(b"hunter" in text for text in seen)


def texts(run) -> list[bytes]:
    return [path.read_bytes() for path in Path(run.uri).rglob("*") if path.is_file()]


def test_secrets_are_not_in_manifests(run, monkeypatch) -> None:
    monkeypatch.setenv("TOKEN", "hunter2hunter2hunter2")
    tells = run("magnus", "python", "fns.tells")
    assert tells.scope.written == {"a": ["***", {"***": "x***"}]}
    assert tells.metadata == {"m": "***"}
    cut = run("magnus", "python", "fns.cut")
    assert (cut.state, "***" in cut.reason) == ("error", True)
    given = run("runnable", "shell", "export a=$TOKEN", Scope(items={"i": os.environ["TOKEN"]}), secrets=["TOKEN"],
                returns={"a": "json"})  # fmt: skip
    assert (given.scope.written, given.parameters) == ({"a": "***"}, {"i": "***"})
    cut_shell = run("runnable", "shell", f"echo {'-' * 290}$TOKEN >&2; exit 1", secrets=["TOKEN"])
    seen = Scope(inherited={"x": os.environ["TOKEN"], "l": [f"a {os.environ['TOKEN']}"]}, written={"y": "hunter"})
    knows = run("runnable", "shell", "true", seen, secrets=["TOKEN"])
    assert run.log[-1] == "[shim] warning: parameters contain secrets; downstream steps see ***: x, l"
    assert knows.scope == Scope(inherited={"x": "***", "l": ["a ***"]}, written={"y": "hunter"})
    for manifest in (tells, cut, cut_shell, given):
        assert "hunter" not in str(manifest)
    monkeypatch.setenv("TOKEN", "no")
    short = run("runnable", "shell", "export a=$TOKEN b=note", secrets=["TOKEN"], returns={"a": "json", "b": "json"})
    assert short.scope.written == {"a": "***", "b": "note"}
    monkeypatch.setenv("TOKEN", "1234")
    number = run("runnable", "shell", "export a=$TOKEN b=91234", secrets=["TOKEN"], returns={"a": "json", "b": "json"})
    assert number.scope.written == {"a": "***", "b": 91234}


def test_secrets_in_names_of_outputs_are_shown_nowhere_and_the_files_flow(run, monkeypatch) -> None:
    """The store and the manifest need the names; run.json and the log do not."""
    monkeypatch.setenv("TOKEN", "hunter2hunter2")
    put = Catalog(put=["model-*"])
    made = run("runnable", "shell", "echo $TOKEN > model-$TOKEN.txt; /bin/mkfifo model-$TOKEN.pipe || true",
               secrets=["TOKEN"], catalog=put)  # fmt: skip
    assert made.state == "complete", made.reason
    assert [file.document()["path"] for file in made.scope.put.values()] == ["model-***.txt"]
    assert [file["path"] for file in controlflow.catalog(made.scope)] == ["model-***.txt"]
    assert not any("hunter" in line for line in run.log)
    assert run.log[-1] == (
        "[shim] warning: names of outputs contain secrets; run.json shows ***, but the store has the names"
    )
    used = run("runnable", "shell", "/bin/cat model-*", made.scope, catalog=Catalog(get=["*"]))
    assert run.log[-1] == "hunter2hunter2", used.reason


def test_in_place_the_project_is_the_working_directory(run) -> None:
    manifest = run("magnus", "shell", "echo 1 > new.txt", options={"in_place": True}, catalog=Catalog(put=["new.txt"]))
    assert (run.project / "new.txt").exists()
    assert list(manifest.scope.put) == ["new.txt"]


def test_the_workers_parameters_are_not_the_steps(run, monkeypatch) -> None:
    monkeypatch.setenv("MAGNUS_PRM_STRAY", "1")
    assert run("magnus", "stub").scope.written == run("magnus", "shell", "true").scope.written == {}
    assert os.environ["MAGNUS_PRM_STRAY"] == "1"


@pytest.mark.parametrize("temporary", ["t", "t" * 120])
def test_secrets_work_if_a_workspace_cannot_hold_a_socket(monkeypatch, tmp_path, temporary) -> None:
    # Pytest's own directory may be too long for a socket.
    base = Path(tempfile.mkdtemp(dir="/tmp")) / temporary
    base.mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(base))
    with Secrets({"a": "b"}.get).answering(tmp_path / "no" / "folder") as path:
        assert path.parent.parent == (base if temporary == "t" else Path("/tmp"))
        assert path.parent.stat().st_mode & 0o777 == 0o700
        for name, expected in (("a", {"value": "b"}), ("c", {"value": None}), (1, {"problem": "TypeError"})):
            with socket.socket(socket.AF_UNIX) as asked:
                asked.connect(str(path))
                asked.sendall(json.dumps({"name": name, "value": None}).encode() + b"\n")
                answer = json.loads(asked.makefile().read())
            assert {key: str(value).partition(":")[0] if value else value for key, value in answer.items()} == expected
    assert not path.exists()
    shutil.rmtree(base.parent)
