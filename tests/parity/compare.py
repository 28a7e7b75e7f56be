"""Compare a run with the rules, and two runs with each other."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from translator.semantics import Attempt, disagreements
from translator.shim.json_values import thawed
from translator.shim.outcome.run_record import is_success

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.parity.engines import Ran


def wrong(ran: Ran) -> list[str]:
    """Describe where a run differs from the rules."""
    document = ran.document
    found = disagreements(ran.rules, document)
    if ran.status != (0 if is_success(document) else 1):
        found.append(f"{ran.engine} ended with {ran.status}, the record says {document['state']}")
    given = {
        p.name: thawed(v)
        for p in ran.rules.pipeline.parameters
        if (v := ran.rules.values.get(p.name, p.default)) is not None
    }
    recorded = {name: value for name, value in document["parameters"].items() if value is not None}
    if recorded != given:
        found.append(f"parameters {recorded}, expected {given}")
    for name, record in document["nodes"].items():
        if record["state"] == "error" and not record["executions"] and not record.get("reason"):
            found.append(f"{name} is in error, and nothing says why")
        for execution in record["executions"]:
            found += [f"{name}[{execution['index']}]: {line}" for line in _wrong_execution(ran, name, execution)]
    return [f"{ran.engine}: {line}" for line in found]


def _wrong_execution(ran: Ran, name: str, execution: dict[str, Any]) -> Iterator[str]:
    state, reason = execution["state"], execution["reason"]
    if (reason is None) != (state in ("complete", "skipped")):
        yield f"{state}, but the reason is {reason!r}"
    if state != "complete":
        return
    attempt = Attempt(name, execution["index"], execution["tries"], execution["parameters"])
    ending = ran.rules.oracle(attempt)
    metadata = {key: value for key, value in execution["metadata"].items() if key in ending.metadata}
    if metadata != thawed(ending.metadata):
        yield f"metadata {metadata}, expected {thawed(ending.metadata)}"
    paths = [output["path"] for output in execution["outputs"]]
    if ending.outputs is not None and paths != sorted(ending.outputs):
        yield f"outputs {paths}, expected {sorted(ending.outputs)}"


def differences(one: Ran, other: Ran) -> list[str]:
    """Describe where two runs of a scenario have different bytes or values without a reason."""
    found = []
    rules = one.rules
    for name in rules.order:
        before = [name, *rules.ancestors(name)]
        if any(_states(one, n) != _states(other, n) for n in before):
            continue  # what timing decided differently may continue differently
        pairs = zip(one.document["nodes"][name]["executions"], other.document["nodes"][name]["executions"], strict=True)
        for mine, theirs in pairs:
            if mine["state"] != "complete":
                continue
            found += [
                f"{name}[{mine['index']}]: {key}: {one.engine} {mine[key]}, {other.engine} {theirs[key]}"
                for key in ("parameters", "metadata", "outputs", "tries")
                if mine[key] != theirs[key]
            ]
    if one.document["parameters"] != other.document["parameters"]:
        found.append(f"parameters: {one.document['parameters']} and {other.document['parameters']}")
    return found


def _states(ran: Ran, name: str) -> list[str]:
    return [execution["state"] for execution in ran.document["nodes"][name]["executions"]]


def check(runs: list[Ran]) -> None:
    """Hold every run to the rules, and the runs to each other."""
    found = [line for ran in runs for line in wrong(ran)]
    found += [line for other in runs[1:] for line in differences(runs[0], other)]
    assert not found, "\n".join([*found, *(json.dumps(ran.document, indent=1) for ran in runs)])
