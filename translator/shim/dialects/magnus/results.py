"""Collect the results of a finished step: parameters, metrics, and files for the catalog."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from translator.shim.contract import Pickle, Scope
from translator.shim.controlflow import scopes
from translator.shim.dialects.magnus import catalog, notebooks, patterns
from translator.shim.dialects.magnus.rules import RULES, Rules
from translator.shim.files import digest
from translator.shim.json_values.depth import TOO_DEEP, DepthError, too_deep
from translator.shim.json_values.storable import sane

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from translator.shim.contract import Json, Step
    from translator.shim.run_contract import Work


def folder_of(work: Work) -> Path:
    """Return the working directory of a step."""
    return work.project if work.step.options.get("in_place") else work.space.root / "work"


def scope_of(work: Work) -> Scope:
    """Return the scope that a step sees."""
    return work.scope if work.scope is not None else Scope()


def values(scope: Scope) -> dict[str, Json]:
    """Return the parameters of a scope that are not objects."""
    return {name: value for name, value in scope.parameters.items() if not isinstance(value, Pickle)}


def collect(work: Work, metadata: dict[str, object]) -> str | None:
    """Collect the results of an ended step, and move its files to the outputs; return what is wrong."""
    step, space, folder, rules = work.step, work.space, folder_of(work), RULES[work.step.dialect]
    if not work.complete and not rules.put_after_failure:
        return None
    if (space.config / "put").is_dir():
        if step.kind == "notebook":
            notebooks.publishable(space.config / "put" / notebooks.output(step, scope_of(work).items), work.hide)
        catalog.put(["**/*"], space.config / "put", space.outputs)
    wanted = step.catalog.put
    if step.catalog.copy:
        missing = catalog.put(wanted, folder, space.outputs)
    else:
        files = [file for pattern in wanted for file in patterns.matching(folder, pattern)]
        missing = [pattern for pattern in wanted if not patterns.matching(folder, pattern)]
        metadata["catalog"] = {str(file.relative_to(folder)): digest.of_file(file) for file in files}
    if not work.complete:
        return None
    if missing:
        return f"catalog: no file matches the step's 'put' patterns: {', '.join(map(repr, missing))}"
    result: dict[str, Any] = {"written": {}, "metrics": {}, "environment": {}, "objects": [], "set": []}
    if (space.config / "result.json").exists():
        result = json.loads((space.config / "result.json").read_text(encoding="utf-8"))
    heard, last = _variables(space.config / "heard"), _variables(space.config / "environment")
    variables = {**heard, **result["environment"], **last}
    if rules.environment_is_state:
        named = {name.removeprefix(rules.prefix) for name in heard if name.startswith(rules.prefix)} | {*result["set"]}
        work.written.update(_changed(rules, values(scope_of(work)), variables, {name.lower() for name in named}))
        metadata.update(_sane(_tracked(rules, variables)))
        return None
    written = {**result["written"], **{name: Pickle.at(f"{name}.dill") for name in result.get("objects", ())}}
    metrics = dict(result["metrics"])
    if step.kind == "shell":
        written = _returned(step, variables, space.config / "environment")
        metrics = {name: written[name] for name, kind in step.returns.items() if kind == "metric" and name in written}
    work.written.update(_shallow(written))
    metadata.update(_sane(metrics))
    return None


def _sane(metrics: Mapping[str, object]) -> dict[str, object]:
    return {name: sane(value) for name, value in metrics.items()}


def _variables(path: Path) -> dict[str, str]:
    """Parse the output of ``env``; only the first line of a multi-line value counts."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return {name: value for name, sign, value in (line.partition("=") for line in lines) if sign}


def _returned(step: Step, variables: Mapping[str, str], environment: Path) -> dict[str, Json]:
    """Return what a shell step of runnable returns; like the engine, fail if any variable has several lines."""
    name = ""
    for line in environment.read_text(encoding="utf-8", errors="replace").splitlines() if environment.exists() else ():
        if "=" not in line and line.strip():
            raise ValueError(f"the variable {name} has a multi-line value, which runnable cannot read; use JSON")
        name = line.partition("=")[0]
    return {name: _value(name, variables[name]) for name in step.returns if name in variables}


def _shallow(written: dict[str, Any]) -> dict[str, Any]:
    """Return the written parameters, if none is nested too deep."""
    for name, value in written.items():
        if too_deep(value):
            raise DepthError(f"parameter {name!r} cannot be passed on: {TOO_DEEP}")
    return written


def _value(name: str, text: str) -> Json:
    try:
        return scopes.read(text)
    except DepthError as error:
        raise DepthError(f"parameter {name!r} cannot be passed on: {error}") from None


def _changed(
    rules: Rules, before: Mapping[str, Json], variables: Mapping[str, str], set_by_name: set[str]
) -> dict[str, Json]:
    """Return the parameters that a step of Magnus changes or sets by name; all names become lower case.

    A parameter set by name counts as written even if its value did not change: it overwrites that of an earlier
    branch.
    """
    after: dict[str, Json] = {name.lower(): value for name, value in before.items()}
    for name, text in variables.items():
        if name.startswith(rules.prefix):
            key = name[len(rules.prefix) :]
            value = _value(key, text)
            if key not in before or json.dumps(before[key]) != json.dumps(value):
                after[key.lower()] = value
    return {
        name: value
        for name, value in after.items()
        if name in set_by_name or name not in before or json.dumps(before[name]) != json.dumps(value)
    }


def _tracked(rules: Rules, variables: Mapping[str, str]) -> dict[str, object]:
    """Return the metrics: a value, or a value per step if there are several steps."""
    tracked: dict[str, dict[str, object]] = {}
    for name, text in variables.items():
        if rules.track is not None and name.startswith(rules.track):
            key, _, number = name[len(rules.track) :].partition("_STEP_")
            tracked.setdefault(key.lower(), {})[number or "0"] = scopes.decoded(text)
    return {key: next(iter(steps.values())) if len(steps) == 1 else steps for key, steps in tracked.items()}
