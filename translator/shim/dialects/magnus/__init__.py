"""The run contract of Magnus and runnable: one for both, their differences are data (``rules``).

A step runs in a working folder that shows the project (``view``), or with the option ``in_place`` in the project
itself. Its catalog files are placed there before and put from there after. What it wrote goes into ``Work.written``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.shim import digest, grid, outputs, records, scopes
from translator.shim.bring import Source
from translator.shim.contract import Scope
from translator.shim.dialects import Launch
from translator.shim.dialects.magnus import catalog, notebooks, view
from translator.shim.dialects.magnus.rules import RULES, Rules
from translator.shim.dialects.magnus.secrets import Secrets
from translator.shim.manifest import sane

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import ExecutionId, FileRecord, Json, Step, Value
    from translator.shim.dialects import Work
    from translator.shim.workspace import Workspace

_CHILD = Path(__file__).with_name("child")


def label(step: Step, given: Mapping[str, Value]) -> str:  # noqa: ARG001 - as the protocol has it
    """See ``translator.shim.dialects.Dialect.label``."""
    return grid.label(given)


def bring(work: Work, records: dict[str, list[FileRecord]]) -> None:  # noqa: ARG001 - steps have a catalog, no inputs
    """Make the working folder and place the files from the catalog; see ``translator.shim.dialects.Dialect.bring``."""
    source, folder = _source(work), _folder(work)
    if folder != work.project:
        scratch = work.store.scratch()
        view.show(work.project, folder, work.step.catalog.put, scratch.parent if scratch else None, work.pulse)
    catalog.get(work.step.catalog.get, _scope(work).catalog, folder, source)


def launch(work: Work, brought: Mapping[str, Sequence[FileRecord]]) -> Launch:  # noqa: ARG001 - as above
    """See ``translator.shim.dialects.Dialect.launch``."""
    step, space, scope, source = work.step, work.space, _scope(work), _source(work)
    rules = RULES[step.dialect]
    secrets = Secrets(work.secret)
    parameters = _values(scope)
    given = secrets.values(step.secrets, step.name)
    environment = _environment(step, rules, work.id, space, scope, parameters, given)
    if step.dialect == "magnus" and step.kind != "stub":
        asked = space.temporary / f"secrets-{os.urandom(4).hex()}"
        work.ends.enter_context(secrets.answering(asked))
        environment["MAGNUS_STAND_IN_SECRETS"] = str(asked)

    def take(line: bytes, length: int) -> None:  # noqa: ARG001 - as metadata takes it
        if rules.track is not None and line.startswith((rules.prefix.encode(), rules.track.encode())):
            with (space.config / "heard").open("ab") as heard:
                heard.write(line.strip() + b"\n")

    files = [records.to_json(file, source.store.root) for file in scope.catalog.values()]
    (space.config / "catalog.json").write_text(json.dumps({"store": source.store.root, "files": files}))
    match step.kind:
        case "stub":
            arguments: list[str] = []
        case "shell":
            script = f"{step.command[0].strip()} && env > {space.config / 'environment'}"
            arguments = ["/bin/sh", "-c", script]
        case "python":
            arguments = _program("call.py", work, {"objects": _objects(scope, space, source)})
        case "notebook":
            arguments = _program("notebook.py", work, notebooks.request(step, _folder(work), scope.items))
        case kind:
            raise ValueError(f"there are no steps of kind {kind} in {step.dialect}")
    bare = rules.bare_shell and step.kind == "shell"
    names = {str(_folder(work)): ".", str(space.root): "/workspace"}
    return Launch(arguments, environment, names, folder=_folder(work), bare=bare, hide=secrets.hide, take=take)


def gather(work: Work, metadata: dict[str, object]) -> outputs.Found:
    """See ``translator.shim.dialects.Dialect.gather``."""
    try:
        problem = _collect(work, metadata)
    except ValueError as error:
        problem = str(error)
    found = outputs.tidy(work.space.outputs, work.space.root, work.pulse)
    if problem is not None:
        found.problems.append(problem)
    return found


def _source(work: Work) -> Source:
    return Source(work.store, work.project, str, work.note, work.pulse)


def _scope(work: Work) -> Scope:
    return work.scope if work.scope is not None else Scope()


def _folder(work: Work) -> Path:
    return work.project if work.step.options.get("in_place") else work.space.root / "work"


def _values(scope: Scope) -> dict[str, Json]:
    return {name: value for name, value in scope.parameters.items() if scopes.pickled(value) is None}


def _program(name: str, work: Work, more: Mapping[str, Any]) -> list[str]:
    """The arguments that run a program of ours on a request, which it is written."""
    step, config, scope = work.step, work.space.config, _scope(work)
    document = {
        "dialect": step.dialect,
        "command": step.command[0],
        "parameters": _seen(RULES[step.dialect], _values(scope)),
        "items": dict(scope.items) if step.kind == "python" or step.dialect == "runnable" else {},
        "returns": dict(step.returns),
        "put": str(config / "put"),
        "result": str(config / "result.json"),
        **more,
    }
    (config / "request.json").write_text(json.dumps(document), encoding="utf-8")
    return [sys.executable, str(_CHILD / name), str(config / "request.json")]


def _environment(  # noqa: PLR0913, PLR0917 - what an environment is made of
    step: Step,
    rules: Rules,
    identity: ExecutionId,
    space: Workspace,
    scope: Scope,
    parameters: Mapping[str, Json],
    secrets: Mapping[str, str],
) -> dict[str, str]:
    variables = {name: str(number) for name, number in scope.loops.items()}
    variables |= {rules.run: identity.run, **secrets}
    if rules.environment_is_state:
        variables |= {f"{rules.prefix}{name}": json.dumps(value) for name, value in parameters.items()}
        if rules.item is not None and scope.items:
            variables[rules.item] = json.dumps(dict(scope.items))
    elif step.kind == "shell":
        variables = {rules.run: identity.run}
        variables |= {name: str(item) for name, item in scope.items.items()}
        variables |= secrets
        variables |= {name: v if isinstance(v, str) else json.dumps(v) for name, v in parameters.items()}
        variables |= {
            k: v for k, v in os.environ.items() if k.startswith("RUNNABLE_") and not k.startswith(rules.prefix)
        }
        return variables
    path = [str(_CHILD / "modules"), *filter(None, [os.environ.get("PYTHONPATH")])]
    variables |= {"MAGNUS_STAND_IN": str(space.config), "PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"}
    return variables


def _objects(scope: Scope, space: Workspace, source: Source) -> dict[str, str]:
    found = {}
    for name, value in scope.parameters.items():
        path = scopes.pickled(value)
        if path is None:
            continue
        if path not in scope.catalog:
            raise ValueError(f"the object of parameter {name!r} is not in the catalog: {path}")
        catalog.place(scope.catalog[path], space.config / "objects" / path, source)
        found[name] = str(space.config / "objects" / path)
    return found


def _seen(rules: Rules, parameters: Mapping[str, Json]) -> dict[str, Json]:
    """The parameters that a function may take; in Magnus their names are in lower case."""
    return {name.lower(): value for name, value in parameters.items()} if rules.environment_is_state else {**parameters}


def _collect(work: Work, metadata: dict[str, object]) -> str | None:
    """Take in what a step that has ended leaves; its files go to the outputs. Tells what is wrong."""
    step, space, folder, rules = work.step, work.space, _folder(work), RULES[work.step.dialect]
    if not work.complete and not rules.put_after_failure:
        return None
    patterns = step.catalog.put
    if step.catalog.copy:
        missing = catalog.put(patterns, folder, space.outputs)
    else:
        files = [file for pattern in patterns for file in view.matching(folder, pattern)]
        missing = [pattern for pattern in patterns if not view.matching(folder, pattern)]
        metadata["catalog"] = {str(file.relative_to(folder)): digest.of_file(file) for file in files}
    if not work.complete:
        return None
    if missing:
        return f"catalog: no file matches what the step is to put: {', '.join(map(repr, missing))}"
    result: dict[str, Any] = {"written": {}, "metrics": {}, "environment": {}, "objects": []}
    if (space.config / "result.json").exists():
        result = json.loads((space.config / "result.json").read_text(encoding="utf-8"))
    if (space.config / "put").is_dir():
        if step.kind == "notebook":
            notebooks.publishable(space.config / "put" / notebooks.output(step, _scope(work).items), work.hide)
        catalog.put(["**/*"], space.config / "put", space.outputs)
    heard, last = _variables(space.config / "heard"), _variables(space.config / "environment")
    left = {**heard, **result["environment"], **last}
    if rules.environment_is_state:
        work.written.update(_changed(rules, _values(_scope(work)), left))
        metadata.update(_sane(_tracked(rules, left)))
        return None
    written = {**result["written"], **{name: scopes.Pickle.at(f"{name}.dill") for name in result.get("objects", ())}}
    metrics = dict(result["metrics"])
    if step.kind == "shell":
        written = _returned(step, left, space.config / "environment")
        metrics = {name: written[name] for name, kind in step.returns.items() if kind == "metric" and name in written}
    work.written.update(written)
    metadata.update(_sane(metrics))
    return None


def _sane(metrics: Mapping[str, object]) -> dict[str, object]:
    return {name: sane(value) for name, value in metrics.items()}


def _variables(path: Path) -> dict[str, str]:
    """What ``env`` wrote; of a value of several lines the first counts."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return {name: value for name, sign, value in (line.partition("=") for line in lines) if sign}


def _returned(step: Step, left: Mapping[str, str], environment: Path) -> dict[str, Json]:
    """What a shell step of runnable returns; like the engine it errs if any variable has a value of several lines."""
    name = ""
    for line in environment.read_text(encoding="utf-8", errors="replace").splitlines() if environment.exists() else ():
        if "=" not in line and line.strip():
            raise ValueError(f"the variable {name} has a value of several lines, which runnable cannot read: use JSON")
        name = line.partition("=")[0]
    return {name: scopes.decoded(left[name]) for name in step.returns if name in left}


def _changed(rules: Rules, before: Mapping[str, Json], left: Mapping[str, str]) -> dict[str, Json]:
    """The parameters that a step of Magnus leaves otherwise than it found them; all names become lower case."""
    after: dict[str, Json] = {name.lower(): value for name, value in before.items()}
    for name, text in left.items():
        if name.startswith(rules.prefix):
            key, value = name[len(rules.prefix) :], scopes.decoded(text)
            if key not in before or json.dumps(before[key]) != json.dumps(value):
                after[key.lower()] = value
    return {
        name: value
        for name, value in after.items()
        if name not in before or json.dumps(before[name]) != json.dumps(value)
    }


def _tracked(rules: Rules, left: Mapping[str, str]) -> dict[str, object]:
    """Metrics: a value, or where there are several steps, the value of each."""
    found: dict[str, dict[str, object]] = {}
    for name, text in left.items():
        if rules.track is not None and name.startswith(rules.track):
            key, _, number = name[len(rules.track) :].partition("_STEP_")
            found.setdefault(key.lower(), {})[number or "0"] = scopes.decoded(text)
    return {key: next(iter(steps.values())) if len(steps) == 1 else steps for key, steps in found.items()}
