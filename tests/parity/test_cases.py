"""Run what users meet on both engines: the seeds' pipelines, every row of the tables, and every kind of edge."""

from __future__ import annotations

import itertools
import random
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.parity.compare import check
from tests.parity.engines import run_on_all
from tests.parity.merged import Part, merge, prefixes
from tests.strategies import ALWAYS, Behaviour, Scenario, pipeline, step
from translator.shim.contract import Distribution, Objective, Parameter, Search, Step, Trial
from translator.shim.parameters import grid

ONE = {0: ALWAYS}
ALL = {None: ALWAYS}
DATA = [{"name": "data"}]


@dataclass
class Node:
    """A node and its step; ``rule`` is ``on-error[/on-child-error]``, ``width`` the executions of a task node."""

    name: str
    rule: str = "stop-all"
    width: int | None = None
    fails: dict[int | None, int] = field(default_factory=dict)
    inputs: list[dict[str, Any]] = field(default_factory=list)
    does: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    blueprint: dict[str, Any] | None = None

    def parts(self) -> list[dict[str, Any]]:
        """Return the step and the task blueprint in the YAML."""
        parts = [step(self.name, self.inputs)]
        child = self.rule.partition("/")[2]
        if self.width is not None:
            axis = {"name": "x", "style": "multiple", "rules": {"items": list(range(self.width))}}
            blueprint = self.blueprint or {"type": "grid_search", "parameters": [axis]}
            task = {"name": f"{self.name} task", "step": f"{self.name} step", **blueprint}
            parts.append({"task": task | ({"on-child-error": child} if child else {})})
        return parts

    def node(self) -> dict[str, Any]:
        """Return the node in the YAML."""
        what = (
            {"type": "execution", "step": f"{self.name} step"}
            if self.width is None
            else {"type": "task", "task": f"{self.name} task"}
        )
        return {"name": self.name, **what, "on-error": self.rule.partition("/")[0], **self.more}


def scenario(nodes, edges, *, parameters=None, values=None, missing=()):
    """Return a scenario; an edge is ``a -> b`` for order or ``a.output.* -> b.input.data``."""
    ends = [[end if "." in end else f"{end}.dependency.*" for end in edge.split(" -> ")] for edge in edges]
    document = [part for node in nodes for part in node.parts()]
    document.append(pipeline([node.node() for node in nodes], ends, parameters))
    behaviours = {node.name: Behaviour(node.fails, **node.does) for node in nodes}
    return Scenario(document, behaviours, values or {}, frozenset(missing))


def around(node, **more):
    """Return the node with an upstream node, a downstream node that wants its file if any, and a parallel branch."""
    after = Node("after", inputs=[{"name": "data", "optional": True}], **more)
    nodes = [Node("before"), node, after, Node("beside"), Node("beside2")]
    edges = ["before -> node", "node.output.out* -> after.input.data", "before -> beside", "beside -> beside2"]
    return scenario(nodes, edges)


@pytest.fixture(scope="module")
def run_of(engines, tmp_path_factory):
    """Return a function that returns the runs of a scenario on both engines.

    ``cases`` are by name a scenario and what is expected. Those for which ``together`` says the same (and not False)
    of what is expected run as one pipeline.
    """
    done: dict[tuple[int, object], dict[str, list[Part]]] = {}

    def run_of(cases, name, together=lambda expected: True):
        group = together(cases[name][1])
        members = [name] if group is False else [n for n, (_, e) in cases.items() if together(e) == group]
        key = (id(cases), name if group is False else group)
        if key not in done:
            scenarios = {n: cases[n][0] for n in members}
            # These rows run as a user's pipelines do, several tasks at once; to prepare for that takes Airflow too much
            # CPU to do it for all.
            jobs = 2 if (cases, group) == (STATES_OF_TABLE, "complete") else 1
            runs = run_on_all(engines, merge(scenarios), tmp_path_factory.mktemp("merged"), jobs=jobs)
            done[key] = {n: [Part(ran, prefix) for ran in runs] for n, prefix in prefixes(scenarios).items()}
            check(runs)
        return done[key][name]

    return run_of


def search(kind, **keys):
    return {"type": kind, **keys}


def variant(name, style, **rules):
    return {"name": name, "style": style, "rules": rules}


HIGHEST, TARGET = 9, 51


def bayesian(count, size):
    """Return a search for the x whose step prints ``TARGET``."""
    return search(
        "bayesian_tpe",
        parameters=[variant("x", "random", min=1, max=HIGHEST)],
        **{"execution-count": count, "execution-batch-size": size},
        **{"optimization-target-metric": "m", "optimization-target-value": TARGET},
    )


def searching(rule):
    """Return a node that searches in three batches; some of its executions fail."""
    fails = dict.fromkeys(range(1, 6), ALWAYS)
    return Node("node", rule, 0, fails, does={"metadata": "number"}, blueprint=bayesian(5, 2))


def ending(blueprint):
    """Return a task that ends with the first execution with x > 0, and runs one at a time."""
    return {**blueprint, "stop-condition": "m > 5", "maximum-queued-executions": 1}


ENDING_GRID = ending(search("grid_search", parameters=[variant("x", "multiple", items=[0, 1, 2])]))


# what the node is: the states of the node, of the one after it, of the run; the branch beside continues unless stopped
TABLE = {
    "stop-all": (Node("node", "stop-all", 3, ONE), "error stopped error"),
    "stop-all, execution node": (Node("node", "stop-all", None, ONE), "error stopped error"),
    "stop-next": (Node("node", "stop-next", 3, ONE), "error skipped error"),
    "stop-next, execution node": (Node("node", "stop-next", None, ONE), "error skipped error"),
    "continue, execution node": (Node("node", "continue", None, ONE), "error complete complete"),
    "continue, some complete": (Node("node", "continue", 3, ONE), "complete complete complete"),
    "continue, none complete": (Node("node", "continue", 2, ALL), "error skipped error"),
    "continue, the only one fails": (Node("node", "continue", 1, ALL), "error skipped error"),
    "retry, a later try completes": (Node("node", "retry", 2, {0: 1, 1: 2}), "complete complete complete"),
    "retry, execution node completes": (Node("node", "retry", None, {0: 2}), "complete complete complete"),
    "retry, every try fails": (Node("node", "retry", 2, ONE), "error stopped error"),
    "and-complete, one fails": (Node("node", "stop-all/continue-and-complete", 2, ONE), "complete complete complete"),
    "and-complete, all err": (Node("node", "stop-all/continue-and-complete", 2, ALL), "error stopped error"),
    "and-complete, stop-next": (Node("node", "stop-next/continue-and-complete", 2, ALL), "error skipped error"),
    "and-complete, continue": (Node("node", "continue/continue-and-complete", 2, ALL), "error skipped error"),
    "and-complete, stop-next, one fails": (
        Node("node", "stop-next/continue-and-complete", 2, ONE),
        "complete complete complete",
    ),
    "and-complete, continue, one fails": (
        Node("node", "continue/continue-and-complete", 2, ONE),
        "complete complete complete",
    ),
    "and-error, stop-all": (Node("node", "stop-all/continue-and-error", 2, ONE), "error stopped error"),
    "and-error, stop-next": (Node("node", "stop-next/continue-and-error", 2, ONE), "error skipped error"),
    "and-error, continue": (Node("node", "continue/continue-and-error", 2, ONE), "error complete complete"),
    "and-error, continue, all err": (Node("node", "continue/continue-and-error", 2, ALL), "error complete complete"),
    "stop-and-error, stop-all": (Node("node", "stop-all/stop-all-and-error", 3, ONE), "error stopped error"),
    "stop-and-error, stop-next": (Node("node", "stop-next/stop-all-and-error", 3, ONE), "error skipped error"),
    "stop-and-error, continue": (Node("node", "continue/stop-all-and-error", 3, ONE), "error complete complete"),
    "a search, continue": (searching("continue"), "complete complete complete"),
    "a search, stop-next": (searching("stop-next"), "error skipped error"),
    "a grid that ends": (
        Node("node", "stop-all", 0, does={"metadata": "number"}, blueprint=ENDING_GRID),
        "complete complete complete",
    ),
    "a search that ends": (
        Node("node", "continue", 0, does={"metadata": "number"}, blueprint=ending(bayesian(5, 2))),
        "complete complete complete",
    ),
    "a search, stop-all": (searching("stop-all"), "error stopped error"),
    "retry, and-complete": (Node("node", "retry/continue-and-complete", 2, ONE), "complete complete complete"),
}


EXECUTIONS = {"a grid that ends": "complete complete skipped", "a search that ends": "complete skipped"}


STATES_OF_TABLE = {name: (around(node), expected) for name, (node, expected) in TABLE.items()}


@pytest.mark.parametrize("name", TABLE)
def test_tables(run_of, name):
    expected = STATES_OF_TABLE[name][1]
    for part in run_of(STATES_OF_TABLE, name, together=lambda rest: "stopped" not in rest and rest.split()[-1]):
        nodes = part.nodes
        assert f"{nodes['node']['state']} {nodes['after']['state']} {part.ran.document['state']}" == expected
        if name in EXECUTIONS:
            assert " ".join(one["state"] for one in nodes["node"]["executions"]) == EXECUTIONS[name]
        if "stopped" not in expected:
            assert nodes["beside2"]["state"] == "complete"


NPZ = {"outputs": ("preprocessed_mnist.npz",)}
MODEL = {"outputs": ("model-{x}.pkl", "log.txt")}


def training_pipeline(fails):
    """Return seed 000's first pipeline, with the grid of its task node set for the run."""
    images = ["training-set-images", "training-set-labels", "test-set-images", "test-set-labels"]
    outputs = ("mnist-train-images.gz", "mnist-train-labels.gz", "mnist-test-images.gz", "mnist-test-labels.gz")
    inputs = [{"name": name, "default": "data.csv"} for name in images]
    document = [
        step("preprocess"),
        step("train", inputs),
        step("evaluate", [{"name": "model"}]),
        {
            "pipeline": {
                "name": "Training Pipeline",
                "nodes": [
                    {"name": "preprocess", "type": "execution", "step": "preprocess step"},
                    {
                        "name": "train",
                        "type": "task",
                        "step": "train step",
                        "on-error": "stop-all",
                        "override": {"inputs": [{"name": name} for name in images]},
                    },
                    {"name": "evaluate", "type": "execution", "step": "evaluate step"},
                ],
                "edges": [
                    ["preprocess.output.*train-images*", "train.input.training-set-images"],
                    ["preprocess.output.*train-labels*", "train.input.training-set-labels"],
                    ["preprocess.output.*test-images*", "train.input.test-set-images"],
                    ["preprocess.output.*test-labels*", "train.input.test-set-labels"],
                    ["train.output.model*", "evaluate.input.model"],
                ],
            }
        },
    ]
    behaviours = {
        "preprocess": Behaviour(outputs=outputs),
        "train": Behaviour(fails, **MODEL),
        "evaluate": Behaviour(),
    }
    return Scenario(document, behaviours, {"train.x": [0, 1]})


@pytest.mark.parametrize(
    ("fails", "expected"),
    [({}, "complete complete complete complete"), ({1: ALWAYS}, "complete error stopped error")],
    ids=["nothing fails", "one of two executions fails"],
)
def test_training_pipeline(engines, tmp_path, fails, expected):
    runs = run_on_all(engines, training_pipeline(fails), tmp_path)
    check(runs)
    for ran in runs:
        states = [node["state"] for node in ran.document["nodes"].values()]
        assert " ".join([*states, ran.document["state"]]) == expected
        assert len(ran.document["nodes"]["train"]["executions"]) == 2


def dual_pipeline(names):
    """Return the seeds' second pipeline; both task nodes run two executions, one of which fails."""
    stop, evaluate_stop, go, evaluate_go = names
    training = {"override": {"inputs": [{"name": "dataset"}]}}
    document = [
        step("preprocess"),
        *(step(name, [{"name": "dataset", "default": "data.csv"}]) for name in (stop, go)),
        *(step(name, [{"name": "model"}]) for name in (evaluate_stop, evaluate_go)),
        {
            "pipeline": {
                "name": "Dual Training Pipeline",
                "nodes": [
                    {"name": "preprocess", "type": "execution", "step": "preprocess step"},
                    {"name": stop, "type": "task", "on-error": "stop-next", "step": f"{stop} step", **training},
                    {"name": evaluate_stop, "type": "execution", "step": f"{evaluate_stop} step"},
                    {"name": go, "type": "task", "on-error": "continue", "step": f"{go} step", **training},
                    {"name": evaluate_go, "type": "execution", "step": f"{evaluate_go} step"},
                ],
                "edges": [
                    ["preprocess.output.preprocessed_mnist.npz", f"{stop}.input.dataset"],
                    ["preprocess.output.preprocessed_mnist.npz", f"{go}.input.dataset"],
                    [f"{stop}.output.model*", f"{evaluate_stop}.input.model"],
                    [f"{go}.output.model*", f"{evaluate_go}.input.model"],
                ],
            }
        },
    ]
    behaviours = {
        "preprocess": Behaviour(**NPZ),
        stop: Behaviour(ONE, **MODEL),
        go: Behaviour(ONE, **MODEL),
        evaluate_stop: Behaviour(),
        evaluate_go: Behaviour(),
    }
    return Scenario(document, behaviours, {f"{stop}.x": [0, 1], f"{go}.x": [0, 1]})


@pytest.mark.parametrize(
    "names",
    [
        ("train", "evaluate", "train2", "evaluate2"),
        ("train_conservative", "evaluate_conservative", "train_experimental", "evaluate_experimental"),
    ],
    ids=["seed 001", "seed 004"],
)
def test_dual_training_pipeline(engines, tmp_path, names):
    runs = run_on_all(engines, dual_pipeline(names), tmp_path)
    check(runs)
    for ran in runs:
        nodes = ran.document["nodes"]
        states = [node["state"] for node in nodes.values()]
        assert [*states, ran.document["state"]] == ["complete", "error", "skipped", "complete", "complete", "error"]
        for name in (names[0], names[2]):
            assert [e["state"] for e in nodes[name]["executions"]] == ["error", "complete"]
        assert Part(ran, "").read(names[3]) == [
            f"{names[3]} x=0 y=0",
            " file model/model-1.pkl",
            f" | {names[2]} x=1 y=0",
            " |  file dataset/preprocessed_mnist.npz",
            " |  | preprocess x=0 y=0",
        ]


def reader(name="b", **of_input):
    return Node(name, inputs=[{"name": "data", **of_input}])


SAME = {"outputs": ("same.txt",)}
DEEP = {"outputs": ("models/deep/m.txt", "models/n.txt", "top.txt", "top.txt.metadata.json")}

# the scenario; the files that node b finds
FILES = {
    "collision: the highest index wins": (
        scenario([Node("t", "continue", 3, does=SAME), reader()], ["t.output.* -> b.input.data"]),
        ["data/same.txt"],
    ),
    "collision: the highest complete index wins": (
        scenario([Node("t", "continue", 3, {2: ALWAYS}, does=SAME), reader()], ["t.output.* -> b.input.data"]),
        ["data/same.txt"],
    ),
    "collision of two edges": (
        scenario(
            [Node("a", does=SAME), Node("c", does=SAME), reader()],
            ["a.output.* -> b.input.data", "c.output.* -> b.input.data"],
        ),
        ["data/same.txt"],
    ),
    "an edge twice": (
        scenario([Node("a", does=SAME), reader()], ["a.output.same* -> b.input.data", "a.output.* -> b.input.data"]),
        ["data/same.txt"],
    ),
    "patterns cross folders, sidecars stay": (
        scenario([Node("a", does=DEEP), reader()], ["a.output.*m* -> b.input.data"]),
        ["data/m.txt", "data/n.txt"],
    ),
    "all files": (
        scenario([Node("a", does=DEEP), reader()], ["a.output.* -> b.input.data"]),
        ["data/m.txt", "data/n.txt", "data/top.txt"],
    ),
    "keep-directories suffix": (
        scenario(
            [Node("a", does=DEEP), reader(**{"keep-directories": "suffix"})], ["a.output.models/* -> b.input.data"]
        ),
        ["data/models/deep/m.txt", "data/models/n.txt"],
    ),
    "keep-directories full": (
        scenario([Node("a", does=DEEP), reader(**{"keep-directories": "full"})], ["a.output.models/* -> b.input.data"]),
        ["data/models/deep/m.txt", "data/models/n.txt"],
    ),
    "filename": (
        scenario([Node("a", does=SAME), reader(filename="renamed.bin")], ["a.output.* -> b.input.data"]),
        ["data/renamed.bin"],
    ),
    "an empty match of an optional input": (
        scenario([Node("a"), reader(optional=True)], ["a.output.none* -> b.input.data"]),
        [],
    ),
    "an edge replaces the default": (
        scenario([Node("a", does=SAME), reader(default="data.csv")], ["a.output.* -> b.input.data"]),
        ["data/same.txt"],
    ),
    "append joins the default": (
        scenario(
            [
                Node("a", does=SAME),
                Node("b", inputs=[{"name": "data", "default": "data.csv"}], more={"edge-merge-mode": "append"}),
            ],
            ["a.output.* -> b.input.data"],
        ),
        ["data/data.csv", "data/same.txt"],
    ),
    "append and an empty match": (
        scenario(
            [
                Node("a", "continue", None, ALL),
                Node("b", inputs=[{"name": "data", "default": "data.csv"}], more={"edge-merge-mode": "append"}),
            ],
            ["a.output.* -> b.input.data"],
        ),
        ["data/data.csv"],
    ),
    "defaults: a file and a wildcard": (
        scenario([reader(default=["data.csv", "more/*"])], []),
        ["data/data.csv", "data/deep.csv"],
    ),
    "an override clears a default": (
        scenario(
            [
                Node(
                    "b",
                    inputs=[{"name": "data", "default": "data.csv"}],
                    more={"override": {"inputs": [{"name": "data", "optional": True}]}},
                )
            ],
            [],
        ),
        [],
    ),
    "input to input": (
        scenario(
            [
                Node("a", inputs=[{"name": "raw", "default": "data.csv"}, {"name": "other", "default": "more/*"}]),
                reader(),
            ],
            ["a.input.r* -> b.input.data"],
        ),
        ["data/data.csv"],
    ),
    "input to input, brought by an edge": (
        scenario(
            [Node("z", does=SAME), Node("a", "continue", 2, inputs=[{"name": "raw"}]), reader()],
            ["z.output.* -> a.input.raw", "a.input.* -> b.input.data"],
        ),
        ["data/same.txt"],
    ),
    "only complete executions' files": (
        scenario([Node("t", "continue", 3, {1: ALWAYS}), reader()], ["t.output.out* -> b.input.data"]),
        ["data/out-0-0.txt", "data/out-2-0.txt"],
    ),
    "a retried execution's files are those of its last try": (
        scenario([Node("t", "retry", 2, {0: 2}), reader()], ["t.output.out* -> b.input.data"]),
        ["data/out-0-0.txt", "data/out-1-0.txt"],
    ),
}
WINNERS = {
    "collision: the highest index wins": " | t x=2 y=0",
    "collision: the highest complete index wins": " | t x=1 y=0",
    "collision of two edges": " | c x=0 y=0",
}


@pytest.mark.parametrize("name", FILES)
def test_files(run_of, name):
    for part in run_of(FILES, name):
        assert part.files("b") == FILES[name][1]
        assert part.nodes["b"]["state"] == "complete"
        if name in WINNERS:
            assert WINNERS[name] in part.read("b")


# the scenario; the states of its nodes and of the run
STATES = {
    "an empty match of a required input": (
        scenario([Node("a"), reader(), Node("c")], ["a.output.none* -> b.input.data", "b -> c"]),
        "complete error stopped error",
    ),
    "a required input behind a failed continue node": (
        scenario(
            [Node("a", "continue", None, ALL), Node("b", "stop-next", inputs=DATA), Node("c")],
            ["a.output.* -> b.input.data", "b -> c"],
        ),
        "error error skipped error",
    ),
    "a default that is not there": (
        scenario(
            [Node("b", "stop-next", inputs=[{"name": "data", "default": "gone.csv"}]), Node("c")],
            ["b -> c"],
            missing=["gone.csv"],
        ),
        "error skipped error",
    ),
    "an empty grid that continues": (
        scenario(
            [Node("a", does={"metadata": "empty"}), Node("t", "continue", 1), Node("c"), Node("d")],
            ["a.metadata.m -> t.parameter.x", "t -> c", "a -> d"],
        ),
        "complete error skipped complete error",
    ),
    "an empty grid that stops all": (
        scenario(
            [Node("a", does={"metadata": "empty"}), Node("t", "stop-all", 1), Node("c")],
            ["a.metadata.m -> t.parameter.x", "t -> c"],
        ),
        "complete error stopped error",
    ),
    "a list into an execution node": (
        scenario(
            [Node("a", does={"metadata": "list"}), Node("b", "continue"), Node("c")],
            ["a.metadata.m -> b.parameter.x", "b -> c"],
        ),
        "complete error complete complete",
    ),
    "upstreams of mixed policies, all open": (
        scenario(
            [
                Node("a", "continue", None, ALL),
                Node("b", "continue", 2, ONE),
                Node("c", "retry", None, {0: 1}),
                Node("d"),
            ],
            ["a -> d", "b -> d", "c -> d"],
        ),
        "error complete complete complete complete",
    ),
    "upstreams of mixed policies, one closed": (
        scenario(
            [
                Node("a", "continue", None, ALL),
                Node("b", "stop-next", 2, ONE),
                Node("c", "continue", 2),
                Node("d"),
                Node("e", "continue"),
            ],
            ["a -> d", "b -> d", "c -> d", "d -> e", "a -> e"],
        ),
        "error error complete skipped skipped error",
    ),
    "a continue node that is skipped does not open": (
        scenario(
            [Node("a", "stop-next", None, ALL), Node("b", "continue"), Node("c"), Node("t", "continue", 2), Node("d")],
            ["a -> b", "b -> c", "a -> t", "t -> d"],
        ),
        "error skipped skipped skipped skipped error",
    ),
    "skipped wins over stopped": (
        scenario(
            [Node("a", "stop-next", None, ALL), Node("b", "continue"), Node("t", "stop-all", None, ALL), Node("c")],
            ["a -> b", "b -> t", "a -> c"],
        ),
        "error skipped skipped skipped error",
    ),
    "a chain behind a failed node": (
        scenario(
            [Node("a", "stop-next", None, ALL), Node("b", "continue", 2), Node("c", "retry")], ["a -> b", "b -> c"]
        ),
        "error skipped skipped error",
    ),
}


@pytest.mark.parametrize("name", STATES)
def test_states(run_of, name):
    expected = STATES[name][1]
    for part in run_of(STATES, name, together=lambda rest: "stopped" not in rest and rest.split()[-1]):
        states = [node["state"] for node in part.nodes.values()]
        assert " ".join([*states, part.ran.document["state"]]) == expected


def randoms(seed, count):
    """Return the integers from 1 to 9 that the documented generator draws."""
    generator = random.Random(seed)  # noqa: S311 - as the product does
    return [generator.randint(1, 9) for _ in range(count)]


def chosen(executions, seed):
    """Return the points that a search chooses if its executions print what they printed."""
    space = {"x": Distribution(1, HIGHEST, integers=True)}
    of_step = Step(name="t", parameters=[Parameter(name=name, type="integer", default=0) for name in ("x", "y")])
    aims = Search(len(executions), seed, space, Objective("m", TARGET, 10))
    points = []
    while len(points) < len(executions):
        trials = [Trial(one["parameters"], one["metadata"]["m"]) for one in executions[: len(points)]]
        points += grid.points(of_step, {"y": [0]}, search=aims, trials=trials)
    return [(point["x"], point["y"]) for point in points]


# the scenario; (x, y) of the executions of node t, or what returns them
POINTS = {
    "no axis": (
        scenario(
            [Node("t", "stop-all", 0, blueprint=search("grid_search", parameters=[variant("x", "single", value=4)]))],
            [],
        ),
        [(4, 0)],
    ),
    "a product, the last axis fastest": (
        scenario(
            [
                Node(
                    "t",
                    "stop-all",
                    0,
                    blueprint=search(
                        "grid_search",
                        parameters=[
                            variant("y", "multiple", items=[5, 6]),
                            variant("x", "linear", start=1, end=3, step=2),
                        ],
                    ),
                )
            ],
            [],
        ),
        [(1, 5), (1, 6), (3, 5), (3, 6)],
    ),
    "logspace": (
        scenario(
            [
                Node(
                    "t",
                    "stop-all",
                    0,
                    blueprint=search(
                        "grid_search",
                        parameters=[variant("x", "logspace", start=0, end=3, count=4, base=2, integerify=True)],
                    ),
                )
            ],
            [],
        ),
        [(1, 0), (2, 0), (4, 0), (8, 0)],
    ),
    "manual search": (
        scenario(
            [
                Node(
                    "t",
                    "stop-all",
                    0,
                    blueprint=search("manual_search", **{"parameter-sets": [{"x": 3, "y": 4}, {"x": 1, "y": 2}]}),
                )
            ],
            [],
        ),
        [(3, 4), (1, 2)],
    ),
    "random values in a grid": (
        scenario(
            [
                Node(
                    "t",
                    "stop-all",
                    0,
                    blueprint=search("grid_search", parameters=[variant("x", "random", min=1, max=9, count=2, seed=1)]),
                )
            ],
            [],
        ),
        [(x, 0) for x in dict.fromkeys(randoms("1/x", 2))],
    ),
    "random search: of a distribution, and of the values of a pipeline parameter": (
        scenario(
            [
                Node(
                    "t",
                    "stop-all",
                    0,
                    blueprint=search(
                        "random_search",
                        parameters=[variant("x", "random", min=1, max=9, seed=3)],
                        **{"execution-count": 5},
                    ),
                )
            ],
            [],
            parameters=[{"name": "p", "default": [7, 7], "targets": ["t.parameter.y"]}],
        ),
        [(x, 7) for x in randoms("3/x", 5)],
    ),
    "random search: metadata replaces a distribution": (
        scenario(
            [
                Node("a", does={"metadata": "number"}),
                Node(
                    "t",
                    "stop-all",
                    0,
                    blueprint=search(
                        "random_search",
                        parameters=[
                            variant("x", "random", min=5, max=9),
                            variant("y", "random", min=1, max=9, seed=2),
                        ],
                        **{"execution-count": 2},
                    ),
                ),
            ],
            ["a.metadata.m -> t.parameter.x"],
        ),
        [(1, y) for y in randoms("2/y", 2)],
    ),
    "Bayesian search: the last batch follows from twenty results": (
        scenario([Node("t", "stop-all", 0, does={"metadata": "number"}, blueprint=bayesian(22, 10))], []),
        chosen,
    ),
    "metadata: a list": (
        scenario([Node("a", does={"metadata": "list"}), Node("t", "stop-all", 3)], ["a.metadata.m -> t.parameter.x"]),
        [(1, 0), (2, 0)],
    ),
    "metadata: a number": (
        scenario([Node("a", does={"metadata": "number"}), Node("t", "stop-all", 3)], ["a.metadata.m -> t.parameter.x"]),
        [(1, 0)],
    ),
    "metadata: null leaves the axis": (
        scenario([Node("a", does={"metadata": "null"}), Node("t", "stop-all", 2)], ["a.metadata.m -> t.parameter.x"]),
        [(0, 0), (1, 0)],
    ),
    "metadata: no such key leaves the axis": (
        scenario([Node("a"), Node("t", "stop-all", 2)], ["a.metadata.m -> t.parameter.x"]),
        [(0, 0), (1, 0)],
    ),
    "metadata of a failed continue node leaves the axis": (
        scenario(
            [Node("a", "continue", None, ALL, does={"metadata": "list"}), Node("t", "stop-all", 2)],
            ["a.metadata.m -> t.parameter.x"],
        ),
        [(0, 0), (1, 0)],
    ),
    "metadata of a task node": (
        scenario(
            [Node("a", "continue", 3, {1: ALWAYS}, does={"metadata": "list"}), Node("t", "stop-all", 1)],
            ["a.metadata.m -> t.parameter.x"],
        ),
        [(1, 0), (2, 0), (21, 0), (22, 0)],
    ),
    "a parameter of a task node into an axis": (
        scenario([Node("a", "continue", 3, {2: ALWAYS}), Node("t", "stop-all", 1)], ["a.parameter.x -> t.parameter.y"]),
        [(0, 0), (0, 1)],
    ),
    "a parameter of a task node into an execution node": (
        scenario([Node("a", "continue", 3, {2: ALWAYS}), Node("t")], ["a.parameter.x -> t.parameter.x"]),
        [(1, 0)],
    ),
    "a pipeline parameter with several targets": (
        scenario(
            [Node("a", "stop-all", 1), Node("t", "stop-all", 1)],
            ["a -> t"],
            parameters=[{"name": "p", "default": [7, 8], "targets": ["a.parameter.x", "t.parameter.y"]}],
        ),
        [(0, 7), (0, 8)],
    ),
    "a pipeline parameter given for the run": (
        scenario(
            [Node("t")],
            [],
            parameters=[{"name": "p", "default": 7, "targets": ["t.parameter.x"]}],
            values={"p": 9, "t.y": 2},
        ),
        [(9, 2)],
    ),
    "a pipeline parameter without a value": (
        scenario([Node("t", "stop-all", 2)], [], parameters=[{"name": "p", "targets": ["t.parameter.x"]}]),
        [(0, 0), (1, 0)],
    ),
    "a node's own value where the pipeline parameter has none": (
        scenario(
            [Node("t", "stop-all", 2)],
            [],
            parameters=[{"name": "p", "targets": ["t.parameter.x"]}],
            values={"t.x": [5]},
        ),
        [(5, 0)],
    ),
    "an edge wins over a pipeline parameter": (
        scenario(
            [Node("a", does={"metadata": "number"}), Node("t")],
            ["a.metadata.m -> t.parameter.x"],
            parameters=[{"name": "p", "default": 7, "targets": ["t.parameter.x"]}],
        ),
        [(1, 0)],
    ),
    "a pipeline parameter counts where the edge brings nothing": (
        scenario(
            [Node("a"), Node("t", "stop-all", 1)],
            ["a.metadata.m -> t.parameter.x"],
            parameters=[{"name": "p", "default": [7, 8], "targets": ["t.parameter.x"]}],
        ),
        [(7, 0), (8, 0)],
    ),
    "a grid given for the run": (
        scenario([Node("t", "stop-all", 2)], [], values={"t.y": [3, 4]}),
        [(0, 3), (0, 4), (1, 3), (1, 4)],
    ),
}


@pytest.mark.parametrize("name", POINTS)
def test_points(run_of, name):
    for part in run_of(POINTS, name):
        executions, points = part.nodes["t"]["executions"], POINTS[name][1]
        expected = points(executions, f"Merged/{part.prefix}t") if callable(points) else points
        assert [(e["parameters"]["x"], e["parameters"]["y"]) for e in executions] == expected


def test_environment_variables(engines, tmp_path):
    """An override's value goes along the edge; the step's own default is what the target has without it."""
    value = "it's $HOME {{ 7 * 7 }}"
    nodes = [Node("a", more={"override": {"environment-variables": [{"name": "MARK", "default": value}]}}), Node("b")]
    case = scenario(nodes, ["a.environment-variable.MARK -> b.environment-variable.MARK"])
    for part in case.document:
        if "step" in part:
            part["step"]["environment-variables"] = [{"name": "MARK", "default": "step's own"}]
    runs = run_on_all(engines, case, tmp_path)
    check(runs)
    for ran in runs:
        assert Part(ran, "").read("a") == [f"a x=0 y=0 mark={value}"]
        assert Part(ran, "").read("b") == [f"b x=0 y=0 mark={value}"]


def test_names_that_are_not_identifiers(engines, tmp_path):
    """Each gets its own task, directory and record, and failures belong to their node."""
    names = [
        "class",
        "import os",
        "a b/c",
        "../x",
        "\U0001f98a",
        "a-b",
        "a_b",
        "a b",
        "1",
        "finish",
        "x" * 150,
        "'\"\\",
    ]
    linked = [name for name in names if "." not in name]  # an edge cannot name the others
    steps = [step(f"s{i}", DATA if name in linked[1:] else []) for i, name in enumerate(names)]
    nodes = [
        {"name": name, "type": "task" if i % 2 else "execution", "step": f"s{i} step", "on-error": "continue"}
        for i, name in enumerate(names)
    ]
    edges = [[f"{one}.output.*", f"{other}.input.data"] for one, other in itertools.pairwise(linked)]
    edges += [["class.output.*", f"{name}.input.data"] for name in linked[2:]]
    behaviours = {name: Behaviour(ONE if name == "a-b" else {}) for name in names}
    case = Scenario([*steps, pipeline(nodes, edges)], behaviours, called={n: f"s{i}" for i, n in enumerate(names)})
    runs = run_on_all(engines, case, tmp_path)
    check(runs)
