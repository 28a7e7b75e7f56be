"""Test which files a step has in its input directories: defaults of every kind, edges, collisions, missing files."""

from __future__ import annotations

import http.server
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from translator.shim.contract import FileRecord, Input, InputFiles, Parameter, Step, output, same_input
from translator.shim.inputs import edges

if TYPE_CHECKING:
    from collections.abc import Iterator

LIST = 'cd /valohai/inputs && find . -type f | sort | while read -r f; do echo "$f: $(cat "$f")"; done'


def listing(worker, *inputs: Input, **more) -> list[str]:
    worker.log.clear()
    manifest = worker.run(Step("s", [LIST], inputs=inputs), **more)
    return worker.output if manifest.state == "complete" else [f"{manifest.state}: {manifest.reason}"]


@pytest.fixture
def project(worker) -> Path:
    for path in ("data/a.csv", "data/b.csv", "data/c.txt", "data/.hidden.csv", "data/sub/a.csv", "data/sub/deep/d.csv"):
        worker.script(path, path)
    worker.script("x[1].csv", "brackets")
    return worker.project


@pytest.mark.parametrize(
    ("default", "keep", "expected"),
    [
        (["data/a.csv"], "none", ["./in/a.csv: data/a.csv"]),
        (["./data/a.csv"], "none", ["./in/a.csv: data/a.csv"]),
        (["data/a.csv"], "suffix", ["./in/a.csv: data/a.csv"]),
        (["data/a.csv"], "full", ["./in/data/a.csv: data/a.csv"]),
        (["data/*.csv"], "none", ["./in/a.csv: data/a.csv", "./in/b.csv: data/b.csv"]),
        (["data/?.*"], "none", ["./in/a.csv: data/a.csv", "./in/b.csv: data/b.csv", "./in/c.txt: data/c.txt"]),
        (["data/*.csv", "data/c.txt"], "suffix", [
            "./in/a.csv: data/a.csv", "./in/b.csv: data/b.csv", "./in/c.txt: data/c.txt"]),
        (["data/sub/**"], "suffix", ["./in/a.csv: data/sub/a.csv", "./in/deep/d.csv: data/sub/deep/d.csv"]),
        (["data/**/*.csv"], "full", [
            "./in/data/a.csv: data/a.csv", "./in/data/b.csv: data/b.csv",
            "./in/data/sub/a.csv: data/sub/a.csv", "./in/data/sub/deep/d.csv: data/sub/deep/d.csv"]),
        (["data/**/d.csv"], "suffix", ["./in/sub/deep/d.csv: data/sub/deep/d.csv"]),
        (["d*/sub/*.csv"], "suffix", ["./in/data/sub/a.csv: data/sub/a.csv"]),
        (["data/.*.csv"], "none", ["./in/.hidden.csv: data/.hidden.csv"]),
        (["x[1].csv"], "none", ["./in/x[1].csv: brackets"]),
        (["data/{parameter:name}.csv"], "none", ["./in/b.csv: data/b.csv"]),
    ],
)  # fmt: skip
def test_defaults_in_the_project(worker, project, default, keep, expected) -> None:
    step = Step(
        "s", [LIST], inputs=[Input("in", default, keep_directories=keep)], parameters=[Parameter("name", default="b")]
    )
    manifest = worker.run(step)
    assert manifest.state == "complete", manifest.reason
    assert worker.output == expected
    assert all("://" not in record.uri for record in manifest.inputs["in"])


@pytest.mark.parametrize(
    ("default", "reason"),
    [
        ("none.csv", "input 'in': none.csv does not exist (looked for {project}/none.csv)"),
        ("data", "input 'in': data is a directory; write data/* for its files"),
        ("data/*.bin", "input 'in': no file matches data/*.bin (looked in {project}/data/)"),
        ("file:///no/such/file", "input 'in': file:///no/such/file does not exist"),
        ("memory://none/x", "input 'in': memory://none/x cannot be fetched: "),
        ("memory://none/*", "input 'in': no file matches memory://none/*"),
        ("nosuchthing://b/x", "input 'in': nosuchthing://b/x cannot be fetched: Protocol not known"),
    ],
)
def test_missing_defaults_are_errors(worker, project, default: str, reason: str) -> None:
    manifest = worker.run(Step("s", ["echo ran"], inputs=[Input("in", [default])]))
    assert manifest.state == "error"
    assert manifest.reason.startswith(reason.format(project=project)), manifest.reason
    assert worker.output == []


def test_a_wildcard_above_the_files_says_how_to_match_them(worker, project) -> None:
    import fsspec

    for folder in (project / "set", None):
        for name in ("images/1.jpg", "labels/1.txt"):
            if folder is not None:
                (folder / name).parent.mkdir(parents=True)
                (folder / name).write_text("x")
            else:
                fsspec.filesystem("memory").pipe(f"/deep/set/{name}", b"x")
    for default in ("set/*", "memory://deep/set/*"):
        reason = worker.run(Step("s", ["echo ran"], inputs=[Input("in", [default])])).reason
        assert reason.endswith("; with ** in place of *, which matches no /, it has 2"), reason
    listed = listing(worker, Input("in", ["memory://deep/set/**"], keep_directories="suffix"))
    assert listed == ["./in/images/1.jpg: x", "./in/labels/1.txt: x"]


def test_a_file_uri(worker, tmp_path: Path) -> None:
    (tmp_path / "out side.txt").write_text("away")
    uri = (tmp_path / "out side.txt").as_uri()
    assert listing(worker, Input("in", [uri])) == ["./in/out side.txt: away"]
    assert listing(worker, Input("in", [(tmp_path / "*.txt").as_uri().replace("%2A", "*")])) == [
        "./in/out side.txt: away"
    ]


def test_other_stores_through_fsspec(worker) -> None:
    import fsspec

    system = fsspec.filesystem("memory")
    for name in ("a.csv", "sub/b.csv", "c.txt"):
        system.pipe_file(f"/datasets/{name}", name.encode())
    assert listing(worker, Input("in", ["memory://datasets/a.csv"])) == ["./in/a.csv: a.csv"]
    assert listing(worker, Input("in", ["memory://datasets/**/*.csv"], keep_directories="suffix")) == [
        "./in/a.csv: a.csv",
        "./in/sub/b.csv: sub/b.csv",
    ]


@pytest.fixture
def web() -> Iterator[tuple[str, dict[str, int]]]:
    """Start a web server that counts how often each path was requested."""
    asked: dict[str, int] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            asked[path] = asked.get(path, 0) + 1
            if path == "/none" or (path == "/flaky.txt" and asked[path] == 1):
                self.send_error(404 if path == "/none" else 503)
                return
            self.send_response(200)
            self.send_header("Content-Length", "5000000" if path == "/cut.txt" else "4")
            self.end_headers()
            self.wfile.write(b"data")

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("path", "keep", "expected"),
    [
        ("/d/file.txt?token=1", "none", ["./in/file.txt: data"]),
        ("/d/file.txt", "full", ["./in/d/file.txt: data"]),
        ("/flaky.txt", "none", ["./in/flaky.txt: data"]),
        ("/a%20b.txt", "none", ["./in/a b.txt: data"]),
        ("/x/..%2f..%2f..%2fevil", "none", ["./in/evil: data"]),
        ("/x/..%2f..%2f..%2fevil", "full", ["./in/evil: data"]),
        ("/none", "none", ["error: input 'in': {uri} cannot be fetched: the server answers 404 Not Found"]),
        ("/cut.txt", "none", [("error: input 'in': {uri} cannot be fetched: the connection ended after 4 of 5000000"
                              " bytes")]),
    ],
)  # fmt: skip
def test_downloads(worker, web, path: str, keep, expected: list[str]) -> None:
    uri = web[0] + path
    assert listing(worker, Input("in", [uri], keep_directories=keep)) == [line.format(uri=uri) for line in expected]


def test_an_unreachable_server_is_an_error(worker) -> None:
    [line] = listing(worker, Input("in", ["http://127.0.0.1:9/x"]))
    assert line.startswith("error: input 'in': http://127.0.0.1:9/x cannot be fetched: ")
    assert "Connection refused" in line


def test_the_users_own_file_can_neither_change_nor_be_changed(worker, project) -> None:
    manifest = worker.run(
        Step("s", ["rm /valohai/inputs/in/a.csv && echo new > /valohai/inputs/in/a.csv"],
             inputs=[Input("in", ["data/a.csv"])])
    )  # fmt: skip
    assert manifest.state == "complete", manifest.reason
    assert (project / "data/a.csv").read_text() == "data/a.csv"
    assert (project / "data/a.csv").stat().st_mode & 0o200


def make(worker, files: dict[str, str], node: str = "train", index: int = 0, kind: str = "execution"):
    lines = [
        f"mkdir -p \"$(dirname '/valohai/outputs/{p}')\"; printf '{t}' > '/valohai/outputs/{p}'"
        for p, t in files.items()
    ]
    return worker.run(lines or "true", node=node, index=index, kind=kind)


@pytest.mark.parametrize(
    ("pattern", "keep", "expected"),
    [
        ("*", "none", ["./in/a.pkl: 1", "./in/b.txt: 3"]),
        ("*", "full", ["./in/a.pkl: 1", "./in/d/a.pkl: 2", "./in/d/b.txt: 3"]),
        ("*", "suffix", ["./in/a.pkl: 1", "./in/d/a.pkl: 2", "./in/d/b.txt: 3"]),
        ("*.pkl", "full", ["./in/a.pkl: 1", "./in/d/a.pkl: 2"]),
        ("d/*", "none", ["./in/a.pkl: 2", "./in/b.txt: 3"]),
        ("a.pkl", "none", ["./in/a.pkl: 1"]),
        ("[ab].pkl", "none", ["./in/a.pkl: 1"]),
        ("?/b.txt", "none", ["./in/b.txt: 3"]),
        ("A.PKL", "none", []),
    ],
)
def test_patterns_of_edges(worker, pattern: str, keep, expected: list[str]) -> None:
    made = make(worker, {"a.pkl": "1", "d/a.pkl": "2", "d/b.txt": "3", "a.pkl.metadata.json": "{}"})
    one = Input("in", keep_directories=keep, optional=True)
    files = edges.files(one, [output("train", pattern)], "replace", {"train": [made]})
    found = listing(worker, one, inputs={"in": files}, node="next")
    if pattern == "*" and keep == "none":
        # Both are called a.pkl: the later one is kept, and the log says so.
        expected = ["./in/a.pkl: 2", "./in/b.txt: 3"]
        assert "input 'in': 'd/a.pkl' of train overwrites 'a.pkl' of train" in worker.notes
    assert found == expected


def test_an_exact_path_matches_although_it_is_not_a_pattern_for_itself() -> None:
    assert edges.matches("model[1].pkl", "model[1].pkl")
    assert not edges.matches("model[1].pkl.metadata.json", "*")
    assert not edges.matches("valohai.metadata.jsonl", "valohai.metadata.jsonl")


def test_of_equal_paths_the_highest_index_is_kept(worker) -> None:
    made = [make(worker, {"model": str(index), f"only{index}": "x"}, index=index, kind="task") for index in range(3)]
    one = Input("in")
    files = edges.files(one, [output("train.run")], "replace", {"train.run": made})
    assert files.warnings == (
        "input 'in': 'model' of train[1] overwrites 'model' of train[0]",
        "input 'in': 'model' of train[2] overwrites 'model' of train[1]",
    )
    assert listing(worker, one, inputs={"in": files}, node="next") == [
        "./in/model: 2", "./in/only0: x", "./in/only1: x", "./in/only2: x",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("merge", "sources", "expected"),
    [
        ("replace", ["train"], ["./in/made: 1"]),
        ("append", ["train"], ["./in/a.csv: data/a.csv", "./in/made: 1"]),
        ("replace", [], ["./in/a.csv: data/a.csv"]),
        ("append", [], ["./in/a.csv: data/a.csv"]),
        ("append", ["train", "train"], ["./in/a.csv: data/a.csv", "./in/made: 1"]),
        ("append", ["gone"], ["./in/a.csv: data/a.csv"]),
        (
            "replace",
            ["gone"],
            [("error: input 'in' is required but has no file: no file matches gone.output.*; "
             "there are no files from complete executions (its defaults are not used, because an edge replaces them)")],
        ),
    ],
)  # fmt: skip
def test_merge_mode(worker, project, merge, sources: list[str], expected: list[str]) -> None:
    made = make(worker, {"made": "1"})
    one = Input("in", ["data/a.csv"])
    files = edges.files(one, [output(source) for source in sources], merge, {"train": [made]})
    assert listing(worker, one, inputs={"in": files}, node="next") == expected


def test_an_empty_required_input_names_the_edges_and_the_files_that_were_there(worker) -> None:
    made = [make(worker, {f"m{index}.pkl": "1", "log.txt": "l"}, index=index, kind="task") for index in range(2)]
    one = Input("in")
    files = edges.files(one, [output("train.run", "*.npz"), output("prep", "x")], "replace", {"train.run": made})
    manifest = worker.run(Step("s", ["echo ran"], inputs=[one]), inputs={"in": files}, node="next")
    assert manifest.state == "error"
    assert worker.output == []
    assert manifest.reason == (
        "input 'in' is required but has no file: no file matches train.output.*.npz, prep.output.x; "
        "available files: train[0]: log.txt, train[0]: m0.pkl, train[1]: log.txt, train[1]: m1.pkl"
    )
    assert listing(worker, Input("in", optional=True), inputs={"in": files}, node="next") == []
    assert listing(worker, Input("in")) == [
        "error: input 'in' is required but has no file: it has no edge and no default; give it when the run starts"
    ]


@pytest.mark.parametrize(
    ("filename", "files", "expected"),
    [
        ("model.bin", {"a": "1"}, ["./in/model.bin: 1"]),
        ("d/model.bin", {"a": "1"}, ["./in/d/model.bin: 1"]),
        ("model.bin", {"a": "1", "b": "2"}, ["./in/a: 1", "./in/b: 2"]),
        ("../../evil", {"a": "1"}, ["error: input 'in': the path '../../evil' leaves its directory"]),
    ],
)
def test_filename(worker, filename: str, files: dict[str, str], expected: list[str]) -> None:
    made = make(worker, files)
    one = Input("in", filename=filename)
    brought = edges.files(one, [output("train")], "replace", {"train": [made]})
    assert listing(worker, one, inputs={"in": brought}, node="next") == expected


@pytest.mark.parametrize("name", ["../x", "a/b", "..", ""])
def test_an_input_cannot_be_called_like_another_directory(worker, project, name: str) -> None:
    manifest = worker.run(Step("s", ["true"], inputs=[Input(name, ["data/a.csv"])]))
    assert manifest.state == "error"
    assert manifest.reason.startswith(f"input {name!r}: ")


def test_a_file_and_a_directory_cannot_be_called_the_same(worker) -> None:
    made = [make(worker, {"a": "1"}, index=0), make(worker, {"a/b": "2"}, index=1)]
    one = Input("in", keep_directories="full")
    files = edges.files(one, [output("train")], "replace", {"train": made})
    [line] = listing(worker, one, inputs={"in": files}, node="next")
    assert "another file has the name of its directory" in line


def test_files_of_an_input_flow_along_an_edge(worker, project) -> None:
    made = make(worker, {"m/model": "1"})
    first = Input("data", ["data/**/*.csv"], keep_directories="full")
    model = Input("model")
    upstream = {"train": [made]}
    used = worker.run(
        Step("use", ["true"], inputs=[first, model]),
        inputs={"model": edges.files(model, [output("train")], "replace", upstream)},
        node="use",
    )
    one = Input("in", keep_directories="full")
    files = edges.files(one, [same_input("use", "*")], "replace", {"use": [used]})
    assert listing(worker, one, inputs={"in": files}, node="next") == [
        "./in/data/a.csv: data/a.csv", "./in/data/b.csv: data/b.csv", "./in/data/sub/a.csv: data/sub/a.csv",
        "./in/data/sub/deep/d.csv: data/sub/deep/d.csv", "./in/model: 1",
    ]  # fmt: skip
    files = edges.files(one, [same_input("use", "none*")], "replace", {"use": [used]})
    assert listing(worker, one, inputs={"in": files}, node="next")[0].startswith(
        "error: input 'in' is required but has no file: no file matches use.input.none*; available files: use: "
        "data/data/a.csv"
    )
    (project / "data/a.csv").write_text("changed meanwhile")
    files = edges.files(one, [same_input("use", "data")], "replace", {"use": [used]})
    (error,) = listing(worker, one, inputs={"in": files}, node="next")
    assert error.startswith(
        "error: input 'in': data/a.csv has changed since an earlier execution used it: its SHA-256 is"
    )


def test_inputs_are_read_only(worker, project) -> None:
    made = make(worker, {"model": "1"})
    one = Input("in", ["data/a.csv"])
    files = edges.files(one, [output("train")], "append", {"train": [made]})
    worker.run(Step("s", ["stat -c %a /valohai/inputs/in/*"], inputs=[one]), inputs={"in": files}, node="next")
    assert worker.output == ["444", "444"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can write to a read-only file")
def test_a_command_that_writes_to_its_input_as_root_is_detected(worker) -> None:
    made = make(worker, {"model": "1"})
    one = Input("in")
    files = edges.files(one, [output("train")], "replace", {"train": [made]})
    step = Step("s", ["echo more >> /valohai/inputs/in/model"], inputs=[one])
    manifest = worker.run(step, inputs={"in": files}, node="next")
    assert (manifest.state, manifest.reason) == ("error", "the command wrote to its input in/model")
    again = worker.run(step, inputs={"in": files}, node="last")
    assert "has changed since it was published" in again.reason


def test_a_record_that_leaves_its_input_is_rejected(worker) -> None:
    made = make(worker, {"model": "1"})
    [record] = made.outputs
    for path in ("../../evil", "/etc/evil", "a/../../evil"):
        evil = FileRecord(path, record.size, record.sha256, record.uri, record.stamp)
        one = Input("in", keep_directories="full")
        [line] = listing(worker, one, inputs={"in": InputFiles(files=[evil])}, node="next")
        assert line in {"./in/evil: 1", f"error: input 'in': the path {path!r} leaves its directory",
                        "./in/etc/evil: 1"}  # fmt: skip
        assert not list(Path(worker.uri).rglob(".work/*"))


@pytest.mark.parametrize(
    ("edge", "values", "many", "expected"),
    [
        ("p", [1], False, (True, 1)),
        ("p", [1, 2, 3], False, (True, 3)),
        ("p", [1, 2, 3], True, (True, [1, 2, 3])),
        ("p", [1], True, (True, 1)),
        ("p", [[1, 2]], True, (True, [1, 2])),
        ("p", [[1, 2], [3]], True, (True, [1, 2, 3])),
        ("p", [[1, 2], [3]], False, (True, [3])),
        ("p", [1, None], False, (True, 1)),
        ("p", [None], False, (False, None)),
        ("p", [0], False, (True, 0)),
        ("p", [""], False, (True, "")),
        ("p", [False], False, (True, False)),
        ("p", [], True, (False, None)),
        ("none", [1], False, (False, None)),
    ],
)
@pytest.mark.parametrize("kind", ["parameter", "metadata"])
def test_values_of_edges(worker, kind: str, edge: str, values: list, many: bool, expected) -> None:
    from dataclasses import replace

    from translator.shim.contract import metadata, parameter

    done = make(worker, {})
    if kind == "parameter":
        manifests = [replace(done, parameters={"p": value}) for value in values]
        assert edges.value(parameter("n", edge), {"n": manifests}, many=many) == expected
    else:
        manifests = [replace(done, metadata={"p": value}) for value in values]
        assert edges.value(metadata("n", edge), {"n": manifests}, many=many) == expected
