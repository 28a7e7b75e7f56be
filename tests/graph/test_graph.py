"""Test ``translate graph``: each format of a few pipelines, hostile names, sizes, and states.

``make goldens`` rewrites the files in ``expected/``.
"""

from __future__ import annotations

import json
import re
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.history.conftest import Made
from translator import ir
from translator.cli import main
from translator.graph import dot, html, mermaid, svg
from translator.graph.build import build
from translator.graph.layout import Wire, arrange, ranks
from translator.graph.model import Status, boxes
from translator.graph.states import of_run
from translator.load import load
from translator.nodes import BODY
from translator.shim.contract import State
from translator.span import Span

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

HERE = Path(__file__).parent
CASES = HERE.parent / "goldens" / "cases"
FORMATS = {"mermaid": (mermaid, "mmd"), "dot": (dot, "dot"), "svg": (svg, "svg"), "html": (html, "html")}
DRAWN = {
    "dual": [str(CASES / "dual.yaml"), "--fail", "train_conservative[1]"],
    "policies": [str(CASES / "policies.yaml")],
    "nested": [str(CASES / "magnus" / "nested.yaml")],
    "choice_and_loop": [str(CASES / "runnable" / "choice_and_loop.yaml"), "--fail", "refine.*.improve"],
    "loom": [str(CASES / "loom" / "choices.yaml")],
}
HOSTILE = (
    'quote " and \\" end',
    "a [bracket] (round) {curly}",
    "two\nlines\r\ttab",
    "</script><script>alert(1)</script>",
    "]]> --> <!-- x",
    "<b onclick=alert(1)>&amp;&#35;#35;",
    "%%{init: {'theme': 'dark'}}%%",
    "`markdown` **bold** _it_ [a](javascript:alert(1))",
    "1. list",
    "\\N\\G\\",
    "🦊 名前",
    "\u202egnp.exe\u2028\ufffe\x00",
    "end",
    "'single' ;|& subgraph",
)
SPAN = Span("hostile.yaml", 1, 1, 1, 2)


def drawn(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["graph", *arguments]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("case", DRAWN)
def test_expected(case: str, name: str, capsys: pytest.CaptureFixture[str], update_goldens: bool) -> None:
    text = drawn(capsys, *DRAWN[case], "--format", name)
    if name in {"svg", "html"}:  # the style and the script are files of their own
        text = re.sub(r"(<(style|script)>).*?(</\2>)", r"\1\3", text, flags=re.DOTALL)
    file = HERE / "expected" / f"{case}.{FORMATS[name][1]}"
    if update_goldens:
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), "make goldens, and read the diff"


def step(name: str) -> ir.Step:
    return ir.Step(name, SPAN, ("true",))


def pipeline(names: Sequence[str], edges: Sequence[tuple[int, int]] = (), key: str = "data") -> ir.Pipeline:
    """Return a pipeline of execution nodes."""
    nodes = tuple(ir.ExecutionNode(name, SPAN, step(name)) for name in names)
    linked = tuple(
        ir.Edge(ir.Port(names[a], ir.EdgeKind.ARTIFACT, key), ir.Port(names[b], ir.EdgeKind.INPUT, key), SPAN)
        for a, b in edges
    )
    return ir.Pipeline(names[0], "valohai", f"{names[0]}.yaml", ir.Graph(nodes, linked), SPAN)


def hostile_pipeline(name: str) -> ir.Pipeline:
    """Return a pipeline in which everything with a name has this name."""
    inner = pipeline([name, "other"], [(0, 1)], name).graph
    composite = ir.ParallelNode(name, SPAN, {name: inner})
    grouped = ir.ExecutionNode("grouped", SPAN, step(name), group=name)
    return ir.Pipeline(name, "valohai", name, ir.Graph((composite, grouped)), SPAN)


STATUSES = {("grouped",): Status(('"><script>',), '"><script>alert(1)', ("</script>",), ((0, "<x>"),))}


class Read(HTMLParser):
    """Reads the elements, attributes and texts of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def shape(text: str) -> tuple[list[str], set[str]]:
    read = Read()
    read.feed(text)
    return read.tags, read.attributes


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_texts_in_pages(name: str) -> None:
    drawing, harmless = (build(hostile_pipeline(one), STATUSES) for one in (name, "harmless"))
    text = html.write(drawing)
    assert shape(text) == shape(html.write(harmless))
    read = Read()
    read.feed(text)
    assert mermaid.printable(name) in read.texts
    assert text.count("\n<script>") == text.count("</script>") == 1
    assert text.startswith(html.MARKER)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_texts_in_svg(name: str) -> None:
    drawing, harmless = (build(hostile_pipeline(one), STATUSES) for one in (name, "harmless"))
    root, other = (ET.fromstring(svg.write(one)) for one in (drawing, harmless))  # noqa: S314 - our own
    assert [element.tag for element in root.iter()] == [element.tag for element in other.iter()]
    titles = {element.text for element in root.iter("{http://www.w3.org/2000/svg}title")}
    assert any(mermaid.printable(name) in (title or "") for title in titles)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_strings_in_dot(name: str) -> None:
    string = re.compile(r'"(?:[^"\\\n]|\\.)*"')
    bare, other = (
        string.sub("S", dot.write(build(hostile_pipeline(one), STATUSES))).splitlines()[1:] for one in (name, "x")
    )
    assert bare == other
    label = next(line for line in dot.write(build(pipeline([name]))).splitlines() if line.strip().startswith("n0"))
    encoded = re.search(r'label="((?:[^"\\]|\\.)*)"', label)
    assert encoded
    decoded = re.sub(r"\\(.)", r"\1", encoded[1].split("\\nexecution")[0]).replace("&amp;", "&")
    assert decoded == mermaid.printable(name)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_strings_in_mermaid(name: str) -> None:
    text, other = (mermaid.write(build(hostile_pipeline(one), STATUSES)) for one in (name, "x"))
    string = re.compile(r'"[^"\n]*"')
    assert string.sub("S", text).splitlines()[1:] == string.sub("S", other).splitlines()[1:]
    drawn = "\n".join(line for line in text.splitlines() if not line.startswith("%%"))
    for label in string.findall(drawn):
        assert not re.search(r"[`*<>\\\[\]{}%&|;]", re.sub(r"#\d+;|<br>", "", label))
    assert "{init" not in text
    escaped = mermaid.escaped(name)
    assert re.sub(r"#(\d+);", lambda found: chr(int(found[1])), escaped) == mermaid.printable(name)


def calls(nodes: int) -> int:
    """Return how many calls it takes to draw a graph with many nodes in all formats."""
    names = [f"node {n}" for n in range(nodes)]
    edges = [(n, m) for n in range(nodes) for m in (n + 1, n + 7, n + 40, 2 * n + 1) if m < nodes]
    whole = pipeline(names, edges)
    number = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal number
        number += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        drawing = build(whole)
        texts = [module.write(drawing) for module, _ in FORMATS.values()]
    finally:
        sys.setprofile(None)
    assert all(text.count(names[-1]) for text in texts)
    return number


def test_the_work_grows_linearly() -> None:
    assert calls(500) < 2.3 * calls(250)


def test_boxes_do_not_overlap_and_links_lead_rightwards() -> None:
    sizes = {f"n{n}": (50.0 + n % 7, 20.0 + n % 5 * 10) for n in range(120)}
    wires = [Wire(f"n{n}", f"n{m}") for n in range(120) for m in (n + 1 + n % 3, n * 2 + 5) if m < 120]
    spots = arrange(sizes, wires).spots
    for one in spots.values():
        for other in spots.values():
            apart = (
                one.x + one.width <= other.x
                or other.x + other.width <= one.x
                or one.y + one.height <= other.y
                or other.y + other.height <= one.y
            )
            assert apart or one is other
    assert all(spots[w.source].x + spots[w.source].width < spots[w.target].x for w in wires)


def test_a_cycle_is_laid_out() -> None:
    assert ranks(["a", "b", "c"], [("a", "b"), ("b", "c"), ("c", "a"), ("b", "b")]) == {"a": 0, "b": 1, "c": 2}
    assert arrange({"a": (1, 1), "b": (1, 1)}, [Wire("a", "b"), Wire("b", "a")]).width > 0
    assert arrange({}, []).height == 0


def states_of(nodes: Mapping[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], set[str]]:
    """Return the states of all nodes in the JSON of ``translate explain``, items of maps and loops together."""
    found: dict[tuple[str, ...], set[str]] = {}
    for name, node in nodes.items():
        path = (*above, name)
        found.setdefault(path, set()).update(node["states"])
        for branch, graph in node.get("branches", {}).items():
            inner = states_of(graph["nodes"], (*path, "*" if node["kind"] in {"map", "loop"} else branch))
            for place, states in inner.items():
                found.setdefault(place, set()).update(states)
    return found


@pytest.mark.parametrize(
    ("file", "failures"),
    [
        ("dual.yaml", ("train_conservative[1]",)),
        ("dual.yaml", ("preprocess",)),
        ("magnus/nested.yaml", ("per shop.0.per day.0.fetch", "per shop.1.per day.0.clean")),
        ("magnus/on_failure.yaml", ()),
        ("runnable/choice_and_loop.yaml", ("refine.1.improve",)),
    ],
)
def test_predicted_states_are_those_of_explain(
    file: str, failures: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    from translator.diagnostics import Diagnostics
    from translator.explain.pipeline import explain
    from translator.graph.states import predicted

    path = str(CASES / file)
    options = [word for failure in failures for word in ("--fail", failure)]
    assert main(["explain", path, *options, "--format", "json"]) == 0
    told = states_of(json.loads(capsys.readouterr().out)["nodes"])
    whole = load(Path(path)).pipelines[0]
    explanation = explain(whole, failures, {}, {}, Diagnostics())
    assert explanation is not None
    drawing = build(whole, predicted(explanation))
    assert {box.path: set(box.status.states) for box in boxes(drawing.picture) if box.status} == told
    shown = drawn(capsys, path, *options, "--fail", failures[0]) if failures else ""
    assert all(re.search(rf"\b{state}\b", shown) for states in told.values() for state in states) or not failures


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Made:
    """Return a store with a run of the pipeline in dual.yaml, in which an execution failed."""
    monkeypatch.chdir(tmp_path)
    made = Made(str(tmp_path / "artifacts"), tmp_path / "scratch")
    name = "Dual Training Pipeline"
    made.execution("run-1", "preprocess", pipeline=name)
    for index, state in ((0, State.COMPLETE), (1, State.ERROR)):
        made.execution("run-1", "train_conservative", index, pipeline=name, kind="task", state=state)
    made.finish("run-1", pipeline=name, started="2026-11-28T08:00:00.000Z")
    return made


def test_states_of_a_run(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    dual = str(CASES / "dual.yaml")
    (record,) = Path(made.uri).rglob("run.json")
    for run in ("latest", "run-", str(record.parent)):
        text = drawn(capsys, dual, "--run", run)
        assert "Run run-1: " in text
        assert re.search(r"n0\[\"preprocess<br>.*complete\"\]", text)
        assert re.search(r"train_conservative.*<br>error \(1 complete, 1 error\)\"", text)
        assert re.search(r"^  class \S*n1\S* error$", text, re.MULTILINE)
    page = drawn(capsys, dual, "--run", "latest", "--format", "html")
    assert "the command ended with exit status 1" in page
    assert "[1] error" in page
    assert ">[1]: the command ended with exit status 1<" in page


def test_reasons_name_items_and_executions() -> None:
    """Reasons of several lines are lines, and a node without executions has its own."""

    def entry(index: int, reason: str | None) -> dict[str, Any]:
        return {"index": index, "state": "error" if reason else "complete", "reason": reason}

    def execution(reason: str | None) -> dict[str, Any]:
        return {"kind": "execution", "state": "error", "executions": [entry(0, reason)]}

    items = {
        str(item): {"state": "error", "nodes": {"sell": execution(f"exit {item % 2}\nlast")}} for item in range(13)
    }
    each = {"kind": "map", "state": "error", "reason": "failed items: all", "branches": items}
    right = {"state": "error", "nodes": {"b": execution("broken")}}
    fan = {"kind": "parallel", "state": "error", "reason": "failed branches: right", "branches": {"right": right}}
    train = {"kind": "task", "state": "error", "executions": [entry(0, None), entry(1, "no"), entry(2, "no")]}
    statuses = of_run({"nodes": {"each": each, "fan": fan, "train": train}})
    assert {path: status.why for path, status in statuses.items() if status.why} == {
        ("each",): ("failed items: all",),
        ("each", BODY, "sell"): (
            "each[0], each[2], each[4], each[6], each[8], 2 more: exit 0",
            "last",
            "each[1], each[3], each[5], each[7], each[9], 1 more: exit 1",
            "last",
        ),
        ("fan",): ("failed branches: right",),
        ("fan", "right", "b"): ("broken",),
        ("train",): ("[1], [2]: no",),
    }
    assert statuses["each", BODY, "sell"].text == "13 error"


def test_a_run_with_other_nodes_is_reported(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    made.execution("run-2", "gone\n", pipeline="Dual Training Pipeline")
    made.finish("run-2", pipeline="Dual Training Pipeline", started="2026-11-29T08:00:00.000Z")
    assert main(["graph", str(CASES / "dual.yaml"), "--run", "run-2"]) == 0
    assert "the run has nodes that" in capsys.readouterr().err


def test_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dual = str(CASES / "dual.yaml")
    for suffix, start in (("svg", "<!-- "), ("html", "<!DOCTYPE html>"), ("dot", "// "), ("mmd", "%% ")):
        file = tmp_path / "new" / f"graph.{suffix}"
        for _ in range(2):  # a drawing of the same pipeline is replaced
            assert drawn(capsys, dual, "-o", str(file)) == f"wrote {file}\n"
        assert file.read_text(encoding="utf-8").startswith(f"{start}")
    own = tmp_path / "own.svg"
    own.write_text("<svg/>")
    assert main(["graph", dual, "-o", str(own)]) != 0
    assert own.read_text() == "<svg/>"
    assert main(["graph", dual, "-o", str(own), "--force"]) == 0
    assert own.read_text() != "<svg/>"


def test_usage(capsys: pytest.CaptureFixture[str]) -> None:
    dual = str(CASES / "dual.yaml")
    assert main(["graph", dual, "--run", "latest", "--fail", "preprocess"]) == 2
    assert "either --run or --fail" in capsys.readouterr().err
    assert main(["graph", dual, "--fail", "preproces"]) == 2
    assert "did you mean 'preprocess'?" in capsys.readouterr().err
