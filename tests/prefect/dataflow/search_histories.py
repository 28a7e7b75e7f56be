"""Do to runs with searches and groups what ``tests.prefect.dataflow.histories`` does to runs with a grid.

The values that the first node prints are those of a parameter of both searches. An execution prints its score, which
follows from its random value, and fails if that score is to fail.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.prefect.dataflow.histories import History, Plan, kept_in, last_try
from tests.searches import BATCHED, COUNTS, DRAWN, GROUP, SCORES, SearchRules, score_of, tasks
from translator.ir import Pipeline
from translator.load import load_text
from translator.semantics import Attempt, Ending, Rules
from translator.shim.contract import State

_COMMAND = r"""
- step:
    name: STEP
    image: none
    command:
      - |
        if test -e "$PLAN/hold-TAG-FATE" && mkdir "$PLAN/holds"; then
          TELL > "$PLAN/held.new"
          mv "$PLAN/held.new" "$PLAN/held"
          exec sleep 600
        fi
      - test ! -e "$PLAN/fail-TAG-FATE"
      - |
        PRINT
      - |
        { find /valohai/inputs -name '*.txt' | LC_ALL=C sort | xargs -r cat
          echo "$(cat "$PLAN/attempt") TAG VALUES"
        } > /valohai/outputs/TAG-VALUES.txt
    parameters:
      - {name: tag, type: string}
"""
_INPUTS = """
    inputs:
      - {name: before, optional: true}
      - {name: salt, default: salt}
"""
_POINT = """
      - {name: n, type: integer, default: 1}
      - {name: kind, type: integer, default: 1}
"""
_NODES = f"""
- pipeline:
    name: NAME
    reuse-executions: true
    nodes:
      - {{name: make, type: execution, step: one, override: {{parameters: [{{name: tag, default: make}}]}}}}
      - name: {BATCHED}
        type: task
        task: {BATCHED}
        on-error: ON_ERROR
        override: {{parameters: [{{name: tag, default: {BATCHED}}}]}}
      - name: {DRAWN}
        type: task
        task: {DRAWN}
        on-error: ON_ERROR
        override: {{parameters: [{{name: tag, default: {DRAWN}}}]}}
      - {{name: pick, type: execution, step: one, override: {{parameters: [{{name: tag, default: pick}}]}}}}
      - name: {GROUP}
        type: task
        task: {GROUP}
        on-error: stop-next
        override: {{parameters: [{{name: tag, default: {GROUP}}}]}}
      - {{name: after, type: execution, step: one, override: {{parameters: [{{name: tag, default: after}}]}}}}
    edges:
      - [make.metadata.values, {BATCHED}.parameter.kind]
      - [make.metadata.values, {DRAWN}.parameter.kind]
      - [make.output.*, {BATCHED}.input.before]
      - [make.output.*, {DRAWN}.input.before]
      - [{BATCHED}.output.*, pick.input.before]
      - [{DRAWN}.output.*, pick.input.before]
      - [{GROUP}.output.*, after.input.before]
"""


def _step(name: str, fate: str, values: str, prints: str, parameters: str = "") -> str:
    text = _COMMAND.replace("STEP", name).replace("FATE", fate).replace("VALUES", values).replace("PRINT", prints)
    return text.replace("TAG", "{parameter-value:tag}") + parameters.lstrip("\n") + _INPUTS.lstrip("\n")


TEXT = (
    _step("one", "0", "1", 'if test TAG = make; then cat "$PLAN/values.json"; fi')
    + _step(
        "point",
        f"$(({{parameter-value:n}} % {SCORES}))",
        "{parameter-value:n}-{parameter-value:kind}",
        f"""printf '{{"score":%d}}\\n' $(({{parameter-value:n}} % {SCORES}))""",
        _POINT,
    )
    + _step("member", "$VH_DIST_MEMBER_INDEX", "$VH_DIST_MEMBER_INDEX", ":")
)


@dataclass
class SearchHistory(History):
    """One flow run of one deployment, attempt by attempt.

    ``points`` are by node and index the parameters of the executions that ended last in this run; ``on_error`` is the
    rule of both searches, with ``stops`` behind it if they have a stop-condition.
    """

    points: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    before: ClassVar[Mapping[str, tuple[str, ...]]] = {
        BATCHED: ("make",),
        DRAWN: ("make",),
        "pick": (DRAWN, BATCHED),
        "after": (GROUP,),
    }
    grids: ClassVar[frozenset[str]] = frozenset({BATCHED, DRAWN})
    may_end: ClassVar[frozenset[str]] = frozenset({"skipped"})

    def _source(self) -> str:
        on_error, _, stops = self.on_error.partition(" ")
        self.on_error = on_error
        nodes = _NODES.replace("NAME", self.name).replace("ON_ERROR", on_error)
        return TEXT + tasks(stops=bool(stops)) + nodes

    def start_another(self, *, reuse: bool) -> None:
        """Have the next attempt be one of another flow run with another place in the store."""
        super().start_another(reuse=reuse)
        self.points = {}

    def holds(self, plan: Plan) -> list[str]:
        """Return where an attempt with nothing that fails can be made to wait, as ``TAG-FATE``."""
        (pipeline,) = load_text(self.text).pipelines
        rules, results = self._rules(pipeline, plan, {"nodes": {}}), {}
        for name in rules.order:
            results[name] = rules.run(name, results)
        firsts = [f"{name}-{score_of(results[name].executions[0].parameters)}" for name in (BATCHED, DRAWN)]
        return ["make-0", *firsts, "pick-0", *(f"{GROUP}-{rank}" for rank in range(COUNTS[GROUP])), "after-0"]

    def _rules(self, pipeline: Pipeline, plan: Plan, document: Mapping[str, Any]) -> Rules:
        kept = kept_in(document)

        def ending(attempt: Attempt) -> Ending:
            fails = f"{attempt.node}-{_fate(attempt)}" in plan.failures and (attempt.node, attempt.index) not in kept
            metadata: dict[str, Any] = {"values": list(plan.values)} if attempt.node == "make" else {}
            if attempt.node in self.grids:
                metadata = {"score": score_of(attempt.parameters)}
            return Ending(State.ERROR if fails else State.COMPLETE, metadata)

        return SearchRules(pipeline, ending, BATCHED, lambda: plan.values, self.points if self.attempts > 1 else {})

    def _check(self, plan: Plan, state: Any, earlier: Any) -> None:
        super()._check(plan, state, earlier)
        for manifest in (self.folder / "store").glob(f"*/{self.run}/*/*/try-*/manifest.json"):
            node, index = manifest.parts[-4], int(manifest.parts[-3])
            last = last_try(manifest.parents[1], "manifest.json")
            if node == BATCHED and last is not None:
                self.points[node, index] = json.loads(last.read_text())["parameters"]

    def _values(self, name: str, execution: Mapping[str, Any]) -> str:
        if name == GROUP:
            return str(execution["index"])
        return "{n}-{kind}".format(**execution["parameters"]) if name in self.grids else "1"

    def _is_reusable(self, name: str) -> bool:
        return name != GROUP


def _fate(attempt: Attempt) -> int:
    """Return what decides whether an execution fails: its score, its rank in the group, or nothing."""
    if attempt.node in SearchHistory.grids:
        return score_of(attempt.parameters)
    return attempt.index if attempt.node == GROUP else 0
