"""Draw random pipelines as users would write them, with steps that really run and that fail according to a plan.

A step is a shell script that starts no other program. What it does depends on the node, its parameters and the number
of its attempts, never on time. The script and the oracle of the rules are two readings of one ``Behaviour``. A step's
outputs contain its parameters and the content of all its inputs, so one wrong file or value changes the digests of all
downstream files.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import strategies as st

from translator.load import load_text
from translator.semantics import Attempt, Ending, Rules, predict
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PIPELINE = "Random Pipeline"
ALWAYS = 9  # more tries than any node has

SCRIPT = r"""# usage: step.sh NODE X Y: counts its tries, reads its inputs, does what plan/NODE.sh says for X
NODE=$1 X=$2 Y=$3 TRY=1 LC_ALL=C
export LC_ALL
RANK=$VH_DIST_MEMBER_INDEX
while read -r _; do TRY=$((TRY + 1)); done 2>/dev/null < "TRIES/$NODE.$X.$Y$RANK"
echo tried >> "TRIES/$NODE.$X.$Y$RANK"
SEEN="$NODE x=$X y=$Y${MARK:+ mark=$MARK}"
see() {
  for entry in "$1"/*; do
    if [ -d "$entry" ]; then
      see "$entry"
    elif [ -f "$entry" ]; then
      SEEN="$SEEN
 file ${entry#"$VH_INPUTS_DIR"/}"
      while IFS= read -r line; do
        SEEN="$SEEN
 | $line"
      done < "$entry"
    fi
  done
}
see "$VH_INPUTS_DIR"
write() {
  case $1 in */*) [ -d "$VH_OUTPUTS_DIR/${1%/*}" ] || mkdir -p "$VH_OUTPUTS_DIR/${1%/*}";; esac
  printf '%s\n' "$SEEN" > "$VH_OUTPUTS_DIR/$1"
}
FAILS=0
. "plan/$NODE.sh"
[ "$TRY" -gt "$FAILS" ] || { echo "try $TRY of $NODE x=$X fails as planned"; exit 3; }
"""


@dataclass(frozen=True)
class Behaviour:
    """What a node's step does.

    ``failures``: how many of its first tries err, by the value of ``x``, or for every other value under None.
    ``metadata``: what it prints under the key ``m``: nothing, a number, a list of two, an empty list or null.
    ``outputs``: paths below its outputs; ``{x}`` and ``{y}`` stand for its parameters.
    ``seconds``: how long it sleeps before it ends.
    ``ranks``: how many of its first tries fail, by the rank of a member of a distributed task.
    """

    failures: Mapping[int | None, int] = field(default_factory=dict)
    metadata: str | None = None
    outputs: tuple[str, ...] = ("out-{x}-{y}.txt",)
    seconds: float = 0
    ranks: Mapping[int, int] = field(default_factory=dict)

    def ending(self, attempt: Attempt) -> Ending:
        """Return how a try ends, as the rules need it."""
        x, y = attempt.parameters["x"], attempt.parameters["y"]
        failures = self.failures.get(x, self.failures.get(None, 0))  # type: ignore[call-overload]
        failures = self.ranks.get(attempt.index, failures)
        return Ending(
            State.ERROR if attempt.attempt <= failures else State.COMPLETE,
            self._printed(x),  # type: ignore[arg-type]
            tuple(path.format(x=x, y=y) for path in self.outputs),
        )

    def _printed(self, x: int) -> dict[str, object]:
        numbers = [x * 10 + 1, x * 10 + 2]
        values = {"number": numbers[0], "list": numbers, "empty": [], "null": None}
        return {} if self.metadata is None else {"m": values[self.metadata]}

    def shell(self) -> str:
        """Return the same as a script; ``m`` is printed twice, because the last value counts."""
        texts = {
            "number": "$((X * 10 + 1))",
            "list": "[$((X * 10 + 1)), $((X * 10 + 2))]",
            "empty": "[]",
            "null": "null",
        }
        lines = [f"write {path.format(x='$X', y='$Y')}" for path in self.outputs]
        if self.metadata:
            lines += ['echo \'{"m": 77, "other": 1}\'', f'echo "{{\\"m\\": {texts[self.metadata]}}}"']
        branches = [f"{'*' if x is None else x}) FAILS={n};;" for x, n in self.failures.items() if x is not None]
        branches += [f"*) FAILS={self.failures[None]};;"] if None in self.failures else []
        lines += [f"case $X in {' '.join(branches)} esac"] if branches else []
        ranks = " ".join(f"{rank}) FAILS={n};;" for rank, n in self.ranks.items())
        lines += [f"case $RANK in {ranks} esac"] if ranks else []
        lines += [f"sleep {self.seconds}"] if self.seconds else []
        return "".join(f"{line}\n" for line in lines)


@dataclass(frozen=True)
class Scenario:
    """A pipeline, how its steps behave, and the values given for its run.

    ``called`` is by node the name that its step is given, where that is not the node's own. ``deployments`` are the
    nodes that deploy, with the deployer of ``tests.parity.planned``, which fails as the behaviours plan.
    """

    document: list[dict[str, Any]]
    behaviours: Mapping[str, Behaviour]
    values: Mapping[str, Any] = field(default_factory=dict)
    missing: frozenset[str] = frozenset()
    files: Mapping[str, str] = field(default_factory=lambda: {"data.csv": "a,b\n1,2\n", "more/deep.csv": "c\n"})
    called: Mapping[str, str] = field(default_factory=dict)
    deployments: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        return yaml.safe_dump(self.document, sort_keys=False)

    def oracle(self, attempt: Attempt) -> Ending:
        behaviour = self.behaviours[attempt.node]
        if attempt.node not in self.deployments:
            return behaviour.ending(attempt)
        if behaviour.failures:
            return Ending(State.ERROR)
        return Ending(metadata={"id": deployment_of(attempt.node), "version_id": "1"}, outputs=())

    def write(self, folder: Path) -> Path:
        """Write the project to ``folder``; return its pipeline file. Tries are counted beside it, per run."""
        tries = folder.absolute().with_name(f"{folder.name}-tries")
        tries.mkdir(parents=True)
        files = {**self.files, "valohai.yaml": self.text, "step.sh": SCRIPT.replace("TRIES", str(tries))}
        if self.deployments:
            served = json.dumps(str(self.served(folder)))
            files["translator.toml"] = f"[defaults]\ndeployer = 'planned'\ndeployers.planned.directory = {served}\n"
        files |= {
            f"plan/{self.called.get(name, name)}.sh": behaviour.shell() for name, behaviour in self.behaviours.items()
        }
        for path, text in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return folder / "valohai.yaml"

    def served(self, folder: Path) -> Path:
        """Return the directory with what the deployments of a run serve."""
        return folder.absolute().with_name(f"{folder.name}-served")

    def __repr__(self) -> str:
        return f"{self.text}\n{dict(self.behaviours)}\nvalues: {dict(self.values)}"


def deployment_of(node: str) -> str:
    """Return the name of the deployment of a node."""
    return f"of-{node}"


def step(name: str, inputs: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """Return the step of a node; every step has the parameters ``x`` and ``y``."""
    return {
        "step": {
            "name": f"{name} step",
            "image": "busybox",
            "command": f"sh step.sh {name} {{parameter-value:x}} {{parameter-value:y}}",
            "parameters": [{"name": p, "type": "integer", "default": 0} for p in ("x", "y")],
            "inputs": inputs or [],
        }
    }


def pipeline(
    nodes: list[dict[str, Any]], edges: list[Any], parameters: list[dict[str, Any]] | None = None
) -> dict[str, Any]:
    """Return a pipeline of nodes as in the YAML."""
    return {"pipeline": {"name": PIPELINE, "parameters": parameters or [], "nodes": nodes, "edges": edges}}


ON_ERROR = ("stop-all", "stop-next", "continue", "retry")
ON_CHILD_ERROR = (None, "continue-and-complete", "continue-and-error", "stop-all-and-error")
OUTPUTS = ("out-{x}-{y}.txt", "same.txt", "sub/deep-{x}.txt", "sub/same.txt", "out-{x}.txt.metadata.json")
PATTERNS = ("*", "out-*", "same.txt", "sub/*", "*deep*", "out-[01]-0.txt", "none*")


@st.composite
def _behaviours(draw: st.DrawFn) -> Behaviour:
    how = draw(st.sampled_from(["fine"] * 5 + ["some"] * 2 + ["all"]))
    tries = st.sampled_from([1, 2, ALWAYS, ALWAYS])
    failures: dict[int | None, int] = {}
    if how == "all":
        failures = {None: draw(tries)}
    elif how == "some":
        failures = {x: draw(tries) for x in draw(st.sets(st.integers(0, 2), min_size=1, max_size=2))}
    return Behaviour(
        failures,
        draw(st.sampled_from([None, "number", "list", "list", "empty", "null"])),
        tuple(draw(st.lists(st.sampled_from(OUTPUTS), max_size=3, unique=True))),
        draw(st.sampled_from([0, 0, 0, 0, 0.2])),
    )


EVENTS = ("node-starting", "node-complete", "node-error")
CONDITIONS = (
    *("metadata.m > 10", "metadata.m == 1", "metadata.m in (2, 11)", "not metadata.m"),
    *("metadata.none < 1", "parameter.x == 0", "parameter.x > 1", "parameter.y + parameter.x != 1"),
)


DEPLOYED = ("metadata.version_id == '1'", "metadata.id == 'other'", "metadata.none < 1")
"""Conditions over what a deployment node has."""


@st.composite
def _actions(draw: st.DrawFn, possible: Sequence[str] = CONDITIONS) -> list[dict[str, Any]]:
    actions = []
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 1, 2]))):
        then = draw(st.sampled_from(["noop", "noop", "stop-pipeline", "error-pipeline", ["noop", "stop-pipeline"]]))
        action: dict[str, Any] = {"when": draw(st.sampled_from([*EVENTS, "node-complete", list(EVENTS[1:])]))}
        conditions = draw(st.lists(st.sampled_from(possible), max_size=2, unique=True))
        if conditions:
            action["if"] = conditions if len(conditions) > 1 else conditions[0]
        actions.append({**action, "then": then if conditions else "noop"})
    return actions


@st.composite
def _inputs(draw: st.DrawFn) -> list[dict[str, Any]]:
    inputs = []
    for i in range(draw(st.integers(0, 2))):
        item: dict[str, Any] = {"name": f"in{i}"}
        default = draw(st.sampled_from([None, None, "data.csv", "more/*.csv", "gone/*.csv", ["data.csv", "more/*"]]))
        if default is not None:
            item["default"] = default
        if draw(st.booleans()):
            item["optional"] = True
        keep = draw(st.sampled_from([None, None, "suffix", "full"]))
        if keep:
            item["keep-directories"] = keep
        inputs.append(item)
    return inputs


@dataclass
class _Drawn:
    """What has been drawn of a pipeline so far."""

    steps: list[dict[str, Any]] = field(default_factory=list)
    nodes: list[dict[str, Any]] = field(default_factory=list)
    edges: list[Any] = field(default_factory=list)
    parameters: list[dict[str, Any]] = field(default_factory=list)
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    values: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, list[str]] = field(default_factory=dict)
    deployments: set[str] = field(default_factory=set)


def _deployment(draw: st.DrawFn, drawn: _Drawn, name: str) -> None:
    """Draw a deployment node, whose endpoint has one file."""
    drawn.inputs[name] = []
    drawn.deployments.add(name)
    drawn.behaviours[name] = Behaviour(draw(st.sampled_from([{}, {}, {None: ALWAYS}])), outputs=())
    endpoint: dict[str, Any] = {"name": f"serve-{name}", "image": "busybox", "server-command": "serve"}
    endpoint["files"] = [{"name": "model", "path": "model.txt"}]
    drawn.steps.append({"endpoint": endpoint})
    node: dict[str, Any] = {"name": name, "type": "deployment", "deployment": deployment_of(name)}
    node |= {"endpoints": [endpoint["name"]], "aliases": draw(st.sampled_from([["live"], ["live", "next"]]))}
    node["on-error"] = draw(st.sampled_from(["stop-all", "stop-next", "continue", "continue"]))
    if actions := draw(_actions(DEPLOYED)):
        node["actions"] = actions
    drawn.nodes.append(node)


def _node(draw: st.DrawFn, drawn: _Drawn, name: str) -> None:
    inputs = draw(_inputs())
    drawn.inputs[name] = [i["name"] for i in inputs]
    drawn.behaviours[name] = draw(_behaviours())
    drawn.steps.append(step(name, inputs))
    node: dict[str, Any] = {"name": name, "type": "execution", "step": f"{name} step"}
    axes = draw(st.sampled_from([None, None, {"x": 2}, {"x": 3}, {"y": 2}, {"x": 2, "y": 2}]))
    if draw(st.booleans()):
        node["type"] = "task"
        if axes:
            blueprint: dict[str, Any] = {"name": f"{name} task", "step": f"{name} step", "type": "grid_search"}
            blueprint["parameters"] = [
                {"name": p, "style": "multiple", "rules": {"items": list(range(n))}} for p, n in axes.items()
            ]
            child = draw(st.sampled_from(ON_CHILD_ERROR))
            if child:
                blueprint["on-child-error"] = child
            drawn.steps.append({"task": blueprint})
            del node["step"]
            node["task"] = f"{name} task"
    node["on-error"] = draw(st.sampled_from(ON_ERROR + ("continue",) * 3))
    if draw(st.sampled_from([True, False, False])):
        node["edge-merge-mode"] = "append"
    if actions := draw(_actions()):
        node["actions"] = actions
    if inputs and draw(st.sampled_from([True, False, False])):
        node["override"] = {"inputs": [{"name": "in0"}]}
    drawn.nodes.append(node)


def _edges(draw: st.DrawFn, drawn: _Drawn, name: str) -> None:
    earlier = [node["name"] for node in drawn.nodes[:-1]]
    task = drawn.nodes[-1]["type"] == "task"
    filled: set[str] = set()
    for source in earlier:
        for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2]))):
            edge = _edge(draw, drawn, source, name, filled)
            if draw(st.booleans()):
                edge = {"source": edge[0], "target": edge[1]}
            drawn.edges.append(edge)
    has_parameters = name not in drawn.deployments
    if has_parameters and "x" not in filled and draw(st.sampled_from([True, False, False, False])):
        lists = [[0, 1], [2], [0, 2, 1]] if task else [1, 2]
        parameter = {"name": f"p{name}", "default": draw(st.sampled_from(lists)), "targets": [f"{name}.parameter.x"]}
        drawn.parameters.append(parameter)
        if draw(st.booleans()):
            drawn.values[f"p{name}"] = draw(st.sampled_from(lists))


def _edge(draw: st.DrawFn, drawn: _Drawn, source: str, name: str, filled: set[str]) -> Any:
    if {source, name} & drawn.deployments:
        return _edge_of_deployment(draw, drawn, source, name, filled)
    kinds = ["dependency", "parameter", "metadata", *(["output"] * 4 + ["input"] if drawn.inputs[name] else [])]
    kind = draw(st.sampled_from(kinds))
    if kind in ("parameter", "metadata") and "x" not in filled:
        filled.add("x")
        key = "m" if kind == "metadata" else draw(st.sampled_from(["x", "y"]))
        return [f"{source}.{kind}.{key}", f"{name}.parameter.x"]
    if kind in ("output", "input"):
        target = draw(st.sampled_from(drawn.inputs[name]))
        if kind == "output":
            return [f"{source}.output.{draw(st.sampled_from(PATTERNS))}", f"{name}.input.{target}"]
        if drawn.inputs[source]:
            pattern = draw(st.sampled_from(["*", "in*", *drawn.inputs[source]]))
            return [f"{source}.input.{pattern}", f"{name}.input.{target}"]
    return [f"{source}.dependency.*", f"{name}.dependency.*"]


def _edge_of_deployment(draw: st.DrawFn, drawn: _Drawn, source: str, name: str, filled: set[str]) -> Any:
    """Draw an edge from or to a deployment node; one to its file brings at most one file."""
    if draw(st.booleans()):
        if source not in drawn.deployments:
            return [f"{source}.output.same.txt", f"{name}.file.serve-{name}.model"]
        if name not in drawn.deployments and "x" not in filled:
            filled.add("x")
            return [f"{source}.deployment.version_id", f"{name}.parameter.x"]
    return [f"{source}.dependency.*", f"{name}.dependency.*"]


def _fill(drawn: _Drawn) -> None:
    """Make an input optional that nothing can fill: the compiler refuses it otherwise."""
    filled = {edge["target"] if isinstance(edge, dict) else edge[1] for edge in drawn.edges}
    steps = {s["step"]["name"]: s["step"] for s in drawn.steps if "step" in s}
    for node in drawn.nodes:
        if node["name"] in drawn.deployments:
            continue
        overridden = {i["name"]: i for i in node.get("override", {}).get("inputs", [])}
        for item in steps[f"{node['name']} step"]["inputs"]:
            last = overridden.get(item["name"], item)
            if "default" not in last and f"{node['name']}.input.{item['name']}" not in filled:
                last["optional"] = True


@st.composite
def scenarios(draw: st.DrawFn, max_nodes: int = 8, *, deployments: bool = False) -> Scenario:
    """Draw pipelines of 2 to ``max_nodes`` nodes with everything that the rules cover, deployments if wanted."""
    drawn = _Drawn()
    for i in range(draw(st.integers(2, max_nodes))):
        name = f"n{i}"
        if deployments and draw(st.sampled_from([True, False, False, False])):
            _deployment(draw, drawn, name)
        else:
            _node(draw, drawn, name)
        _edges(draw, drawn, name)
    _fill(drawn)
    order = draw(st.permutations(drawn.nodes))
    whole = pipeline(list(order), drawn.edges, drawn.parameters)
    missing, deploying = frozenset({"gone/*.csv"}), frozenset(drawn.deployments)
    scenario = Scenario([*drawn.steps, whole], drawn.behaviours, drawn.values, missing, deployments=deploying)
    return _told_apart(scenario)


def _told_apart(scenario: Scenario) -> Scenario:
    """Return whether executions that fail on some tries differ in parameters, by which they count tries."""
    rules = Rules(load_text(scenario.text).choose(), scenario.values, scenario.oracle, scenario.missing)
    behaviours = dict(scenario.behaviours)
    for name, node in predict(rules).nodes.items():
        if name in scenario.deployments:
            continue
        points = [repr(e.parameters) for e in node.executions]
        if len(set(points)) < len(points):
            behaviours[name] = replace(behaviours[name], failures=dict.fromkeys(behaviours[name].failures, ALWAYS))
    return replace(scenario, behaviours=behaviours)
