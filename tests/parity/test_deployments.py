"""Deploy on both engines: the states that the rules say, the same record, and aliases where they belong."""

from __future__ import annotations

import json
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from tests.parity.compare import check, differences
from tests.parity.engines import ROOT, run_on_all, run_pipeline
from tests.parity.test_cases import ALL, Node, scenario
from tests.shim.deployers.deploying import free_port
from tests.strategies import Scenario
from translator.history.comparison import differences as documented_differences
from translator.load import load
from translator.semantics import Ending
from translator.shim.contract import State
from translator.shim.deployers.local.state import State as Deployments
from translator.shim.deployers.local.supervisor import Supervisor
from translator.shim.variables import APPROVED

APP = (
    "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [open('model.txt', 'rb').read()]\n"
)
SERVED = {"wsgi": "app:app"}
BROKEN = {"server-command": "echo no model; exit 3"}


@dataclass
class Deploying(Node):
    """A deployment node with its own endpoint, which gets the file ``model``."""

    serves: dict[str, str] = field(default_factory=lambda: SERVED)
    deployment: str = ""
    aliases: tuple[str, ...] = ("live",)
    file: bool = True

    @property
    def endpoint(self):
        return f"serve-{self.name.replace(' ', '-')}"

    @property
    def target(self):
        """Return the deployment, which has the node's name if it has no other."""
        return self.deployment or self.name.replace(" ", "-")

    def parts(self):
        files = {"files": [{"name": "model", "path": "model.txt"}]} if self.file else {}
        return [{"endpoint": {"name": self.endpoint, "image": "busybox", **self.serves, **files}}]

    def node(self):
        how = {"deployment": self.target, "endpoints": [self.endpoint], "aliases": list(self.aliases)}
        return {"name": self.name, "type": "deployment", **how, "on-error": self.rule, **self.more}

    def gets(self, source, pattern="out-*"):
        """Return the edge that brings its file."""
        return f"{source}.output.{pattern} -> {self.name}.file.{self.endpoint}.model"


@dataclass(frozen=True, repr=False)
class Deployed(Scenario):
    """A scenario with deployment nodes: by name of a node, the number of the version that it makes, and the node."""

    versions: dict[str, str] = field(default_factory=dict)
    deploying: dict[str, Deploying] = field(default_factory=dict)

    def oracle(self, attempt):
        node = self.deploying.get(attempt.node)
        if node is None:
            return super().oracle(attempt)
        if node.fails:
            return Ending(State.ERROR)
        return Ending(metadata={"id": node.target, "version_id": self.versions.get(node.name, "1")}, outputs=())

    def write(self, folder):
        file = super().write(folder)
        (folder / "app.py").write_text(APP)
        place = f"directory = {json.dumps(str(folder.parent / 's'))}\nport = {free_port()}\nrequirements = false\n"
        (folder / "translator.toml").write_text(f"[defaults.deployers.local]\n{place}")
        return file


def deploying(nodes, edges, versions=None):
    """Return a scenario; each deployment node makes version 1, unless ``versions`` says another."""
    plain = scenario(nodes, edges)
    own = {node.name: node for node in nodes if isinstance(node, Deploying)}
    return Deployed(plain.document, plain.behaviours, versions=versions or {}, deploying=own)


@pytest.fixture
def ran(engines, tmp_path):
    """Return a function that runs a scenario on both engines, and ends what it has deployed afterwards."""
    folders = [tmp_path / engine.name for engine in engines]

    def run(case, **options):
        runs = run_on_all(engines, case, tmp_path, **options)
        check(runs)
        assert differences(*runs) == []
        return runs

    yield run
    for folder in folders:
        daemon = Supervisor(folder / "s")
        if (folder / "s").is_dir() and daemon.is_alive():
            daemon.shut_down()


def served(folder, deployment, alias):
    """Return what a deployment answers."""
    port = next(
        line.split(" = ")[1]
        for line in (folder / "project" / "translator.toml").read_text().splitlines()
        if "port" in line
    )
    state = Deployments(folder / "s")
    (endpoint,) = state.version(deployment, state.aliases(deployment)[alias]).endpoints
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/{deployment}/{alias}/{endpoint}/") as answer:
        return answer.read().decode()


# The deployment node; the pattern of its file's edge; the states of the node and of the one after it; its aliases.
TABLE = {
    "healthy": (
        Deploying("healthy", aliases=("live", "latest")),
        "out-*",
        "complete complete",
        {"live": 1, "latest": 1},
    ),
    "unhealthy": (Deploying("unhealthy", "stop-next", serves=BROKEN, fails=ALL), "out-*", "error skipped", {}),
    "unhealthy, continue": (
        Deploying("tolerated", "continue", serves=BROKEN, fails=ALL),
        "out-*",
        "error complete",
        {},
    ),
    "no file": (Deploying("no file", "stop-next"), "none*", "error skipped", {}),
    "several files": (Deploying("several", "stop-next", fails=ALL), "*", "error skipped", {}),
}


def _after(node):
    return f"after-{node.target}"


def test_the_outcomes_of_deployments(ran):
    make = Node("make", does={"outputs": ("out-{x}.txt", "other.txt")})
    first = Deploying("first", deployment="twice")
    second = Deploying("second", "stop-next", deployment="twice", serves=BROKEN, fails=ALL)
    nodes, edges = [make, first, second], [first.gets("make"), second.gets("make"), "first -> second"]
    for node, pattern, _, _ in TABLE.values():
        after = Node(_after(node))
        nodes += [node, after]
        edges += [
            node.gets("make", pattern),
            f"{node.name}.deployment.version_id -> {after.name}.parameter.x",
        ]
    for one in ran(deploying(nodes, edges, {"second": "2"})):
        states = {name: node["state"] for name, node in one.document["nodes"].items()}
        state = Deployments(one.folder.parents[2] / "s")
        for name, (node, _, expected, aliases) in TABLE.items():
            assert f"{states[node.name]} {states[_after(node)]}" == expected, name
            assert state.aliases(node.target) == aliases, name
            assert state.numbers(node.target) == ([1] if expected.startswith("complete") else []), name
            values = [execution["parameters"]["x"] for execution in one.document["nodes"][_after(node)]["executions"]]
            assert values == {"complete complete": [1], "error complete": [0]}.get(expected, []), name
        assert (states["first"], states["second"], state.aliases("twice")) == ("complete", "error", {"live": 1})
        assert served(one.folder.parents[2], "twice", "live").split()  # the old version still serves
        assert one.document["state"] == "error"
        reasons = {
            name: node["executions"][0]["reason"] for name, node in one.document["nodes"].items() if node["executions"]
        }
        assert "ended while it started; its last lines:\nno model" in reasons["unhealthy"]
        assert "the edges bring 2 files for 'model'" in reasons["several"]


def test_a_failed_deployment_stops_the_run(ran):
    node = Deploying("deploy", serves=BROKEN, fails=ALL, file=False)
    long = Node("long", does={"seconds": 60})
    for one in ran(deploying([node, Node("after"), long], ["deploy -> after"]), jobs=2):
        states = [record["state"] for record in one.document["nodes"].values()]
        assert [*states, one.document["state"]] == ["error", "stopped", "stopped", "error"]


GATED, STAGED = "Deploy if the metric passes", "Stage, test and promote"


@pytest.mark.parametrize(
    ("name", "epochs", "alias", "states"),
    [
        (GATED, 20, "staging", "complete complete complete"),
        (GATED, 0, None, "complete stopped stopped"),
        (STAGED, None, "production", "complete complete complete complete"),
    ],
)
def test_the_example(engines, tmp_path, monkeypatch, name, epochs, alias, states):
    project = ROOT / "examples" / "deployments"

    def record(engine):
        folder, port = tmp_path / engine.name, free_port()
        own = {"FRONT": f"http://127.0.0.1:{port}", APPROVED: json.dumps(["promote"])}
        monkeypatch.setattr(engine, "environment", {**engine.environment, **own})
        settings = tmp_path / f"{engine.name}.toml"
        settings.write_text(f"[defaults.deployers.local]\ndirectory = {json.dumps(str(folder))}\nport = {port}\n")
        pipeline = load(project / "valohai.yaml", config=settings).choose(name)
        values = {} if epochs is None else {"epochs": epochs}
        try:
            _, document, status, _ = run_pipeline(engine, pipeline, project, tmp_path / "store", values)
            assert status == 0
            if alias is not None:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/flowers/{alias}/predict/?petal=1.4") as answer:
                    assert json.load(answer) == {"kind": "setosa"}
            return {**document, "pipeline": ""}
        finally:
            if Supervisor(folder).is_alive():
                Supervisor(folder).shut_down()

    with ThreadPoolExecutor() as lanes:
        one, other = lanes.map(record, engines)
    assert documented_differences(one, other) == []
    assert " ".join(node["state"] for node in one["nodes"].values()) == states
