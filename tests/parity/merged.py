"""Merge many small scenarios into one pipeline of unconnected parts, because a run costs an engine more than a node.

Only scenarios in which nothing stops the run may be merged: a stop would affect the others.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.strategies import Scenario

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.parity.engines import Ran


@dataclass(frozen=True)
class Part:
    """One scenario's share of a run; names of nodes as the scenario spells them."""

    ran: Ran
    prefix: str

    @property
    def nodes(self) -> dict[str, Any]:
        """The records of its nodes."""
        records = self.ran.document["nodes"].items()
        return {name.removeprefix(self.prefix): record for name, record in records if name.startswith(self.prefix)}

    def read(self, node: str, path: str = "out-0-0.txt", index: int = 0) -> list[str]:
        """Return the lines of an output: the execution's parameters and all files of its inputs."""
        tries = self.nodes[node]["executions"][index]["tries"]
        folder = self.ran.folder / f"{self.prefix}{node}" / str(index) / f"try-{tries}"
        text = (folder / "outputs" / path).read_text()
        return text.replace(self.prefix, "").splitlines() if self.prefix else text.splitlines()

    def files(self, node: str) -> list[str]:
        """Return the files that an execution found in its inputs."""
        return [line.removeprefix(" file ") for line in self.read(node) if line.startswith(" file ")]


def prefixes(scenarios: Mapping[str, Scenario]) -> dict[str, str]:
    """Return the prefix of each scenario's nodes in the merged scenario."""
    return {name: f"c{number}_" for number, name in enumerate(scenarios)}


def merge(scenarios: Mapping[str, Scenario]) -> Scenario:
    """Merge scenarios into one."""
    prefix = prefixes(scenarios)
    parts = [_renamed(scenario, prefix[name]) for name, scenario in scenarios.items()]
    pipelines = [item["pipeline"] for part in parts for item in part.document if "pipeline" in item]
    whole = {key: [one for p in pipelines for one in p.get(key, [])] for key in ("parameters", "nodes", "edges")}
    document = [item for part in parts for item in part.document if "pipeline" not in item]
    return Scenario(
        [*document, {"pipeline": {"name": "Merged", **whole}}],
        {name: behaviour for part in parts for name, behaviour in part.behaviours.items()},
        {name: value for part in parts for name, value in part.values.items()},
        frozenset().union(*(part.missing for part in parts)),
    )


def _renamed(scenario: Scenario, prefix: str) -> Scenario:
    document = copy.deepcopy(scenario.document)
    for item in document:
        if "step" in item:
            item["step"]["command"] = item["step"]["command"].replace("step.sh ", f"step.sh {prefix}")
        for what in ("step", "task"):
            if what in item:
                _prefix(item[what], prefix, ("name", "step"))
        for node in item.get("pipeline", {}).get("nodes", []):
            _prefix(node, prefix, ("name", "step", "task"))
        for parameter in item.get("pipeline", {}).get("parameters", []):
            _prefix(parameter, prefix, ("name",))
            parameter["targets"] = [prefix + target for target in parameter["targets"]]
        if "pipeline" in item:
            item["pipeline"]["edges"] = [[prefix + end for end in edge] for edge in item["pipeline"]["edges"]]
    behaviours = {prefix + name: behaviour for name, behaviour in scenario.behaviours.items()}
    values = {prefix + name: value for name, value in scenario.values.items()}
    return Scenario(document, behaviours, values, scenario.missing)


def _prefix(item: dict[str, Any], prefix: str, keys: tuple[str, ...]) -> None:
    item.update({key: prefix + item[key] for key in keys if key in item})
