"""Test steps of Loom: command line, files under their relative paths, what is published, conditions."""

from __future__ import annotations

import ast

import pytest

from translator.shim.contract import Input, InputFiles, Parameter, Step, output
from translator.shim.inputs import edges

ECHO = "import sys\nprint(sys.argv[1:])\n"
WRITE = "import sys, pathlib\np = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\n"


def step(kind: str = "script", command: str = "t.py", *, inputs=(), outputs=(), parameters=(), **options) -> Step:
    return Step(
        "s", [command] if command else [], dialect="loom", kind=kind, parameters=parameters,
        inputs=[Input(name, optional=True) for name in inputs], outputs=outputs, options=options,
    )  # fmt: skip


COLLECT = step(
    "collect", "", inputs=["m_iter0", "m_iter1", "m_iter2"], outputs=["m"], iterations=3,
    parameters=[Parameter(n, default=f"output/{n}") for n in ("m_iter0", "m_iter1", "m_iter2", "m")],
)  # fmt: skip


def paths(manifest) -> list[str]:
    return [record.path for record in manifest.outputs]


def test_the_command_line_is_looms(worker) -> None:
    worker.script("t.py", ECHO)
    worker.script("data/a.txt", "a")
    manifest = worker.run(
        step(
            inputs=["image", "--ref"], outputs=["--out"], extra=["-v", "x y"],
            parameters=[
                Parameter("image", default="data/a.txt"), Parameter("--out", default="output/o.txt"),
                Parameter("--n", "integer", 3), Parameter("--on", "flag", True), Parameter("--off", "flag", False),
                Parameter("--ref", default="data/a.txt", pass_as="--ref"),  # noqa: S106
                Parameter("loop.over", default="data", pass_as=""),
            ],
        )
    )  # fmt: skip
    assert manifest.state == "complete", manifest.reason
    found = [word.split("/data/", 1)[-1] for word in ast.literal_eval(worker.output[0])]
    assert found == ["data/a.txt", "--out", "output/o.txt", "--n", "3", "--on", "--ref", "data/a.txt", "-v", "x y"]


@pytest.mark.parametrize(
    ("body", "state", "expected", "folders"),
    [
        ("p.write_text('1')", "complete", ["output/o"], []),
        ("", "complete", [], []),
        ("p.write_text('1'); sys.exit(3)", "error", ["output/o"], []),
        ("(p / 'd').mkdir(parents=True); (p / 'd/x').write_text('1'); (p / 'y').write_text('2')", "complete",
         ["output/o/d/x", "output/o/y"], []),
        ("p.mkdir()", "complete", [], ["output/o"]),
        ("p.with_name('undeclared').write_text('1')", "complete", [], []),
        ("p.symlink_to('/etc/passwd')", "error", [], []),
    ],
)  # fmt: skip
def test_what_is_published(worker, body: str, state: str, expected: list[str], folders: list[str]) -> None:
    worker.script("t.py", WRITE + body)
    manifest = worker.run(step(outputs=["--out"], parameters=[Parameter("--out", default="output/o")]))
    assert (manifest.state, paths(manifest), list(manifest.folders)) == (state, expected, folders)
    assert worker.store.manifest(manifest.uri) == manifest
    assert not (worker.project / "output").exists()


def test_files_and_empty_directories_flow_under_their_paths(worker) -> None:
    worker.script(
        "t.py",
        WRITE + "(p / 'a').mkdir(parents=True); (p / 'b').mkdir()\n"
        "(p / 'a/x.metadata.json').write_text('1'); (p / 'x.metadata.json').write_text('2')",
    )
    made = worker.run(step(outputs=["--out"], parameters=[Parameter("--out", default="output/o")]), node="made")
    worker.script(
        "u.py",
        "import sys, pathlib\n"
        "print(sorted(str(p.relative_to(sys.argv[1])) for p in pathlib.Path(sys.argv[1]).rglob('*')))",
    )
    given = edges.files(Input("dir"), [output("made")], "replace", {"made": [made]}, "loom")
    manifest = worker.run(
        step(command="u.py", inputs=["dir"], parameters=[Parameter("dir", default="output/o/")]), inputs={"dir": given}
    )
    assert manifest.state == "complete", manifest.reason
    assert ast.literal_eval(worker.output[-1]) == ["a", "a/x.metadata.json", "b", "x.metadata.json"]


def test_a_missing_input_is_left_to_the_script(worker) -> None:
    worker.script("t.py", ECHO)
    manifest = worker.run(step(inputs=["x"], parameters=[Parameter("x", default="nowhere")]))
    assert manifest.state == "complete"
    assert "the input 'nowhere' does not exist" in worker.notes


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/abs"])
def test_an_output_outside_the_project_is_refused(worker, path: str) -> None:
    worker.script("t.py", ECHO)
    manifest = worker.run(step(outputs=["--out"], parameters=[Parameter("--out", default=path)]))
    assert manifest.state == "error"
    assert worker.output == []


def test_an_absolute_path_in_the_project_is_one_of_the_project(worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", str(worker.project))
    worker.script("t.py", WRITE + "p.write_text('1')")
    manifest = worker.run(step(outputs=["--out"], parameters=[Parameter("--out", default="${HERE}/output/o")]))
    assert (manifest.state, paths(manifest)) == ("complete", ["output/o"])


@pytest.mark.parametrize("in_place", [False, True])
def test_an_output_that_may_be_outside_stays_there(worker, in_place: bool) -> None:
    worker.script("t.py", WRITE + "p.write_text('1')")
    manifest = worker.run(
        step(
            outputs=["--out"], parameters=[Parameter("--out", default="../away/o")], outside=["--out"],
            in_place=in_place,
        )
    )  # fmt: skip
    assert (manifest.state, paths(manifest)) == ("complete", [])
    assert (worker.project.parent / "away/o").read_text() == "1"


def test_in_place_the_project_is_the_workspace(worker) -> None:
    worker.script("t.py", WRITE + "p.write_text('1')")
    manifest = worker.run(step(outputs=["--out"], parameters=[Parameter("--out", default="output/o")], in_place=True))
    assert (manifest.state, paths(manifest)) == ("complete", ["output/o"])
    assert (worker.project / "output/o").stat().st_nlink == 1
    assert (worker.project / "output/o").stat().st_mode & 0o200


@pytest.mark.parametrize(
    ("predicate", "value", "negate", "verdict"),
    [
        ("exists", "data", False, True), ("exists", "nowhere", False, False), ("exists", "nowhere", True, True),
        ("is_file", "data/a", False, True), ("is_dir", "data", False, True), ("non_empty", "data", False, True),
        ("count", "data", False, True),
    ],
)  # fmt: skip
def test_a_predicate(worker, predicate: str, value: str, negate: bool, verdict: bool) -> None:
    worker.script("data/a", "1")
    condition = step(
        "condition", "", inputs=["data"], parameters=[Parameter("data", default=value)], predicate=predicate,
        negate=negate,
    )  # fmt: skip
    manifest = worker.run(condition)
    assert (manifest.state, manifest.metadata) == ("complete", {"result": verdict})


@pytest.mark.parametrize(
    ("body", "state", "metadata"),
    [
        ("print('{\"result\": false}'); return n > 2", "complete", {"result": True}),
        ("raise ValueError('no')", "error", {}),
    ],
)
def test_a_script_condition(worker, body: str, state: str, metadata) -> None:
    worker.script("c.py", f"def evaluate(n):\n    {body}\n")
    manifest = worker.run(step("condition", "c.py", parameters=[Parameter("n", "integer", 3)]))
    assert (manifest.state, manifest.metadata) == (state, metadata)


def test_the_last_iteration_is_collected(worker) -> None:
    worker.script("t.py", WRITE + "p.parent.mkdir(exist_ok=True); p.write_text('1')")
    made = worker.run(step(outputs=["--out"], parameters=[Parameter("--out", default="output/m_iter1")]), node="m")
    given = edges.files(Input("x"), [output("m")], "replace", {"m": [made]}, "loom")
    manifest = worker.run(COLLECT, inputs={"m_iter1": given, "m_iter0": InputFiles()})
    assert (manifest.state, paths(manifest)) == ("complete", ["output/m"])


def test_an_iteration_without_files_counts(worker) -> None:
    worker.script("t.py", WRITE + "p.parent.mkdir(exist_ok=True); p.write_text('1')")
    worker.script("u.py", "")
    first = worker.run(step(outputs=["--out"], parameters=[Parameter("--out", default="output/m_iter0")]), node="m0")
    last = worker.run(step("script", "u.py"), node="m1")
    given = {
        f"m_iter{i}": edges.files(Input("x"), [output(one.id.node)], "replace", {one.id.node: [one]}, "loom")
        for i, one in enumerate([first, last])
    }
    manifest = worker.run(COLLECT, inputs=given)
    assert (manifest.state, paths(manifest)) == ("complete", [])


def test_a_directory_holds_files_of_edges_and_of_the_project(worker) -> None:
    for name in ("in/a", "in/b/c", "in/b/d", "in/e"):
        worker.script(name, "project")
    worker.script("t.py", WRITE + "(p / 'b').mkdir(parents=True); (p / 'b/c').write_text('made'); (p / 'e').mkdir()")
    made = worker.run(step(outputs=["--out"], parameters=[Parameter("--out", default="in")]), node="made")
    given = edges.files(Input("x"), [output("made")], "replace", {"made": [made]}, "loom")
    worker.script(
        "show.py",
        """
        import sys, pathlib
        for path in sorted(pathlib.Path(sys.argv[1]).rglob("*")):
            if path.is_file():
                print(path.relative_to(sys.argv[1]), path.read_text())
        """,
    )
    show = step(command="show.py", inputs=["x"], parameters=[Parameter("x", default="in")])
    manifest = worker.run(show, inputs={"x": given})
    assert manifest.state == "complete", manifest.reason
    assert worker.output[-4:] == ["a project", "b/c made", "b/d project", "e project"]
