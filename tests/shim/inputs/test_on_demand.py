"""Test inputs that a command downloads itself: it finds URLs by the API that api.json describes."""

from __future__ import annotations

import json
import shlex
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

import pytest

from translator.shim.contract import Input, InputFiles, Manifest, Output, State, Step
from translator.shim.inputs import edges

if TYPE_CHECKING:
    from pathlib import Path

    from tests.shim.conftest import Worker

PYTHON = shlex.quote(sys.executable)
ASK = """
import json, os, sys, urllib.request
config = json.load(open(os.environ["VH_CONFIG_DIR"] + "/inputs.json"))
api = json.load(open(os.environ["VH_CONFIG_DIR"] + "/api.json"))["input_request"]
listed = config["data"]
body = json.dumps({"inputs": [listed["input_id"]]}).encode()
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
answer = json.load(opener.open(urllib.request.Request(api["url"], body, api["headers"], method=api["method"])))
wanted = set(sys.argv[1:])
for one in answer:
    for file in one["files"]:
        if file["filename"] in wanted:
            print(file["filename"], opener.open(file["url"]).read().decode().strip())
"""
UTILS = """
import valohai
for path in sorted(valohai.inputs("data").paths()):
    print(path.rsplit("/", 1)[1], open(path).read().strip())
"""


def run(worker: Worker, command: str, files: InputFiles | None = None, **options: Any) -> Manifest:
    step_input = Input("data", ("data/*.txt",), on_demand=True, **options)
    return worker.run(Step("use", [command], inputs=[step_input]), inputs={"data": files} if files else {}, node="use")


@pytest.fixture(autouse=True)
def _files(worker: Worker) -> None:
    worker.script("ask.py", ASK)
    worker.script("data/a.txt", "A\n")
    worker.script("data/b.txt", "B\n")


def test_a_command_gets_what_it_asks_for(worker: Worker) -> None:
    manifest = run(worker, f"ls $VH_INPUTS_DIR/data; {PYTHON} ask.py b.txt")
    assert (manifest.state, worker.output) == (State.COMPLETE, ["b.txt B"]), manifest.reason
    assert [(file.path, file.size) for file in manifest.inputs["data"]] == [("b.txt", 2)]


def test_a_command_that_asks_for_nothing_downloads_nothing(worker: Worker) -> None:
    manifest = run(worker, "cat $VH_CONFIG_DIR/inputs.json")
    assert manifest.inputs == {"data": []}
    listed = json.loads(worker.output[0])["data"]
    assert [(file["name"], "path" in file) for file in listed["files"]] == [("a.txt", False), ("b.txt", False)]


def test_the_vendor_s_library_downloads_all_of_them(worker: Worker) -> None:
    pytest.importorskip("valohai")
    pytest.importorskip("requests")
    worker.script("utils.py", UTILS)
    manifest = run(worker, f"http_proxy=http://127.0.0.1:9 {PYTHON} utils.py")
    assert manifest.state is State.COMPLETE, manifest.reason
    assert worker.output[-2:] == ["a.txt A", "b.txt B"]
    assert sorted(file.path for file in manifest.inputs["data"]) == ["a.txt", "b.txt"]


def test_files_of_edges_and_their_properties(worker: Worker) -> None:
    described = """echo '{"split": "train"}' > $VH_OUTPUTS_DIR/deep/d.txt.metadata.json"""
    commands = ["mkdir $VH_OUTPUTS_DIR/deep", "echo D > $VH_OUTPUTS_DIR/deep/d.txt", described]
    made = worker.run(commands, node="make")
    one = Input("data", on_demand=True, keep_directories="full")
    files = edges.files(one, [Output("make")], "replace", {"make": [made]})
    command = f"{PYTHON} ask.py deep/d.txt; ls -d $VH_INPUTS_DIR/data/deep; cat $VH_CONFIG_DIR/inputs.json"
    manifest = run(worker, command, files, keep_directories="full")
    assert worker.output[0] == "deep/d.txt D"
    (listed,) = json.loads(worker.output[2])["data"]["files"]
    assert (listed["size"], listed["metadata"]) == (2, [{"split": "train"}])
    assert [file.sha256 for file in manifest.inputs["data"]] == [made.outputs[0].sha256]


def test_a_file_that_changed_is_not_served(worker: Worker) -> None:
    made = worker.run("echo D > $VH_OUTPUTS_DIR/d.txt", node="make")
    path = worker.store.folder / worker.store.key(made.outputs[0].uri)
    path.chmod(0o600)
    path.write_text("changed")
    files = edges.files(Input("data", on_demand=True), [Output("make")], "replace", {"make": [made]})
    manifest = run(worker, f"{PYTHON} ask.py d.txt", files)
    assert manifest.state is State.ERROR
    assert "HTTP Error 502" in "".join(worker.output)
    assert "input 'data': the artifact" in worker.notes
    assert "has changed since it was published" in worker.notes


def test_an_input_without_a_file_fails_before_the_command(worker: Worker) -> None:
    step = Step("use", ["echo ran"], inputs=[Input("data", on_demand=True)])
    manifest = worker.run(step)
    assert (manifest.state, worker.output) == (State.ERROR, [])
    assert "input 'data' is required but has no file" in manifest.reason


@pytest.mark.parametrize("name", ["../../../evil", "a/b", "..", ""])
def test_an_input_cannot_be_called_like_another_directory(worker: Worker, tmp_path: Path, name: str) -> None:
    step = Step("use", ["echo ran"], inputs=[Input(name, ("data/*.txt",), on_demand=True)])
    manifest = worker.run(step)
    assert (manifest.state, worker.output) == (State.ERROR, [])
    assert f"input {name!r}: " in manifest.reason
    assert not list(tmp_path.rglob("evil"))


PROBE = """
import json, os, urllib.error, urllib.request
url = json.load(open(os.environ["VH_CONFIG_DIR"] + "/api.json"))["input_request"]["url"]
listed = json.load(open(os.environ["VH_CONFIG_DIR"] + "/inputs.json"))["data"]["input_id"]
base, _, token = url.removesuffix("/inputs").rpartition("/")
for path in (
    f"{base}/inputs",
    f"{base}/{'0' * 32}/inputs?inputs={listed}",
    f"{base}/{'0' * 32}/files/{listed}/0",
    f"{base}/{token}/files/{listed}/2",
    f"{base}/{token}/files/{listed}/-1",
    f"{base}/{token}/files/other/0",
    f"{base}/{token}/files/../../{listed}/0",
    f"{base}/{token}",
    f"{base}/",
):
    try:
        print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(path).status)
    except urllib.error.HTTPError as error:
        print(error.code)
print(urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}?inputs={listed}").status)
"""


def test_nobody_gets_anything_without_the_token(worker: Worker) -> None:
    worker.script("probe.py", PROBE)
    manifest = run(worker, f"{PYTHON} probe.py")
    assert manifest.state is State.COMPLETE, manifest.reason
    assert worker.output == ["404"] * 9 + ["200"]
    assert manifest.inputs == {"data": []}


def test_the_service_ends_with_the_execution(worker: Worker, tmp_path: Path) -> None:
    run(worker, f"cp $VH_CONFIG_DIR/api.json {tmp_path}/api.json")
    url = json.loads((tmp_path / "api.json").read_text())["input_request"]["url"]
    with pytest.raises(urllib.error.URLError, match="refused"):
        urllib.request.urlopen(url)
