"""Do to runs with searches and groups what ``tests.airflow.dataflow.histories`` does to runs with grids.

``many`` is a Bayesian search in batches, ``lenient`` a random one, and ``gather`` a distributed task. An execution of a
search fails if its score is to fail, which follows from its random value.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from tests.airflow.dataflow.histories import SINGLE, WAIT, History, Model, steps
from tests.searches import SearchRules, score_of
from translator.load import load_text
from translator.semantics.results import ends_task, settle
from translator.shim.contract import State, Trial
from translator.targets import GenerateOptions, airflow

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tests.airflow.scheduler import Airflow
    from translator.semantics import Rules

SEARCH, DRAWN, GROUP = "many", "lenient", "gather"
MEMBERS = 2
WORK = """
home=$2
case $1 in
list) cat "$home/values"; fate=list ;;
collect) fate=collect ;;
gather) test $VH_DIST_MEMBER_INDEX = 1 && fate=gather || fate=none ;;
*)
    fate=$1-$(($3 % 4))
    echo "{\\"score\\": $(($3 % 4))}"
    echo "$3-$4@$(cat "$home/stamp")" > "$VH_OUTPUTS_DIR/v-$3-$4.txt" ;;
esac
case $1 in
collect|gather)
    echo "{\\"seen\\": \\"$(cat "$VH_INPUTS_DIR"/files/* 2>/dev/null | LC_ALL=C sort | tr '\\n' ' ')\\"}" ;;
esac
if test $1 = gather; then  # a member that fails must not keep the other from printing what it sees
    touch "$home/printed-$(cat "$home/stamp")-$VH_DIST_MEMBER_INDEX"
    while test ! -e "$home/printed-$(cat "$home/stamp")-$((1 - VH_DIST_MEMBER_INDEX))"; do sleep 0.1; done
fi
"""
_POINT = """
      - {name: n, type: integer, default: 0, pass-as: "{v}"}
      - {name: kind, type: integer, default: 0, pass-as: "{v}"}
"""
_REST = """
- task:
    name: many
    step: many
    type: bayesian_tpe
    execution-count: COUNT
    execution-batch-size: BATCH
    optimization-target-metric: score
    optimization-target-value: 2
    parameters: [{name: n, style: random, rules: {min: 1, max: 1000000}}]
STOP
- task:
    name: lenient
    step: lenient
    type: random_search
    execution-count: 3
    parameters: [{name: n, style: random, rules: {min: 1, max: 1000000}}]
- task: {name: gather, step: gather, type: distributed, execution-count: 2, parameters: []}
- pipeline:
    name: NAME
    reuse-executions: true
    parameters:
      - name: home
        default: /nowhere
        targets: [list.parameters.home, many.parameters.home, collect.parameters.home, lenient.parameters.home,
                  gather.parameters.home]
    nodes:
      - {name: list, type: execution, step: list, on-error: stop-next}
      - {name: many, type: task, task: many, on-error: stop-next}
      - {name: collect, type: execution, step: collect, on-error: stop-next}
      - {name: lenient, type: task, task: lenient, on-error: continue}
      - {name: gather, type: task, task: gather, on-error: stop-next}
    edges:
      - [list.metadata.values, many.parameter.kind]
      - [list.metadata.values, lenient.parameter.kind]
      - [many.output.*, collect.input.files]
      - [lenient.output.*, gather.input.files]
"""


def source(name: str, count: int, batch: int, stop: str = "") -> str:
    """Return a Valohai file.

    Args:
        name: the name of its pipeline.
        count: how many executions the Bayesian search has.
        batch: how many of them at a time.
        stop: the stop-condition of this search.
    """
    rest = _REST.replace("NAME", name).replace("COUNT", f"{count}").replace("BATCH", f"{batch}")
    rest = rest.replace("STOP\n", f"    stop-condition: {stop}\n" if stop else "")
    return steps(_POINT) + rest


BATCHES = source("Searches", 4, 2)
STOPPING = source("Stopping", 3, 1, "score == 3")


@dataclass
class SearchModel(Model):
    """What is true of one run with searches and a group.

    ``points`` are by node and index the parameters that the last execution of the batches had.
    """

    text: ClassVar[str] = BATCHES
    batch: ClassVar[int] = 2
    single: ClassVar[frozenset[str]] = SINGLE - {GROUP}
    points: dict[tuple[str, int], Mapping[str, Any]] = field(default_factory=dict)

    def _rules(self) -> Rules:
        pipeline = load_text(self.text, "histories.yaml").choose()
        return SearchRules(pipeline, self._ending, SEARCH, self._kinds, self.points)

    def _kinds(self) -> list[Any]:
        return [*self.metadata["list", 0].get("values", [0])]  # type: ignore[misc]

    def point(self, parameters: Mapping[str, object]) -> object:
        """Return what tells the executions of a node apart."""
        return f"{parameters['n']}-{parameters['kind']}" if "n" in parameters else None

    def _fate(self, name: str, index: int, parameters: Mapping[str, object]) -> str:
        if name == GROUP:
            return name if index == 1 else "none"
        return name if name in self.single else f"{name}-{score_of(parameters)}"

    def _metadata(self, name: str, parameters: Mapping[str, object]) -> dict[str, object]:
        return super()._metadata(name, parameters) | ({"score": score_of(parameters)} if "n" in parameters else {})

    def _is_reusable(self, name: str) -> bool:
        return self.reuse and name != GROUP

    def run_executions(self, name: str, indexes: Iterable[int]) -> None:
        """Run some executions of a node that has them; a member of a group cannot run alone."""
        listed = set(indexes)
        if name != GROUP or len(listed) == MEMBERS:
            if name == GROUP:
                self.run([name])
            else:
                super().run_executions(name, listed)
            return
        self.marked_nodes.discard(name)
        self.marked -= {(name, index) for index in listed}
        old = self.results[name]
        merged = tuple(replace(one, state=State.ERROR) if one.index in listed else one for one in old.executions)
        self.results[name] = settle(old.node, merged)
        for index in listed:
            self._ran(name, index)
            self.metadata[name, index] = {}

    def _ran(self, name: str, index: int) -> None:
        super()._ran(name, index)
        if name == SEARCH:
            self.points[name, index] = self.results[name].executions[index].parameters

    def run_rest(self, name: str, index: int) -> None:
        """Run the executions of a node that run after one has ended, which has just run."""
        if name != SEARCH:
            return
        old = self.results[name]
        executions = [one for one in old.executions if one.index // self.batch <= index // self.batch]
        before = len(executions)
        while not any(ends_task(old.node, one) for one in executions):
            trials = [Trial(one.parameters) for one in executions]  # what follows from results needs many more
            points = self.rules.points(old.node, self.results, trials)
            if not points:
                break
            executions += [
                replace(
                    executions[0],
                    index=number,
                    parameters=point,
                    state=self._state(name, number, point),
                    metadata=self._printed(name, number, point),
                )
                for number, (point, _) in enumerate(points, len(executions))
            ]
        self.results[name] = settle(old.node, tuple(executions))
        self.marked -= {(name, number) for number in range(before, len(executions))}
        for number in range(before, len(executions)):
            self._ran(name, number)

    def follows(self, name: str, index: int) -> list[int]:
        """Return the executions of the same node that run after one has ended."""
        if name != SEARCH:
            return []
        return [one.index for one in self.results[name].executions if one.index // self.batch > index // self.batch]


@dataclass
class StoppingModel(SearchModel):
    """The same, of a search of which each execution is a batch, and which a stop-condition may end."""

    text: ClassVar[str] = STOPPING
    batch: ClassVar[int] = 1


class SearchHistory(History):
    """One run with searches, to which things are done one after another."""

    dag: ClassVar[str] = "searches"
    pipeline: ClassVar[str] = "Searches"
    model_type: ClassVar[type[Model]] = SearchModel
    batches: ClassVar[int] = 2

    def _tasks(self, node: str) -> list[str]:
        if node == SEARCH:
            return [f"{node}.{part}_{n + 1}" for n in range(self.batches) for part in ("ask", "run")] + [f"{node}.done"]
        return [f"{node}.{part}" for part in ("run", "done")] if node == GROUP else super()._tasks(node)

    def _instance(self, node: str, index: int) -> tuple[str, int]:
        if node != SEARCH:
            return super()._instance(node, index)
        batch = self.model_type.batch  # type: ignore[attr-defined]
        return f"{node}.run_{index // batch + 1}", index % batch


class StoppingHistory(SearchHistory):
    """The same with a search that a stop-condition may end."""

    dag: ClassVar[str] = "stopping"
    pipeline: ClassVar[str] = "Stopping"
    model_type: ClassVar[type[Model]] = StoppingModel
    batches: ClassVar[int] = 3


def deploy(scheduler: Airflow) -> None:
    """Put the DAGs of these histories into Airflow."""
    project = scheduler.home / "searches"
    project.mkdir(exist_ok=True)
    (project / "work.sh").write_text(WORK + WAIT)
    options = GenerateOptions(project=os.path.relpath(project, scheduler.dags))
    for text in (BATCHES, STOPPING):
        pipeline = load_text(text, "histories.yaml").choose()
        (scheduler.dags / airflow.file_name(pipeline)).write_text(airflow.generate(pipeline, options))
    scheduler.wait_for_dags(SearchHistory.dag, StoppingHistory.dag)
