"""Run the steps of Magnus and runnable, which differ only in data (``rules``).

A step runs in a working directory that shows the project (``view``), or with the option ``in_place`` in the project
itself. Its catalog files are placed there before and put from there after. What it wrote goes into ``Work.written``.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from translator.shim.contract import Pickle
from translator.shim.dialects.magnus import catalog, notebooks, results, view
from translator.shim.dialects.magnus.results import folder_of, scope_of
from translator.shim.dialects.magnus.rules import RULES, Rules
from translator.shim.dialects.magnus.secrets import Secrets
from translator.shim.inputs.stage import Source
from translator.shim.parameters import grid
from translator.shim.run_contract import Contract, Launch, Scoping
from translator.shim.store import records
from translator.shim.workspace import base, outputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.shim.contract import ExecutionId, FileRecord, Json, Scope, Step, Value
    from translator.shim.run_contract import ProjectUse, Work
    from translator.shim.workspace import Workspace

_CHILD = Path(__file__).with_name("child")


def label(step: Step, values: Mapping[str, Value]) -> str:  # noqa: ARG001 - as the contract has it
    """See ``translator.shim.run_contract.Contract.label``."""
    return grid.label(values)


def bring(work: Work, records: dict[str, list[FileRecord]]) -> None:  # noqa: ARG001 - steps have a catalog, no inputs
    """Create the working directory with files from the catalog; see ``translator.shim.run_contract.Contract.bring``."""
    source, folder = _source(work), folder_of(work)
    if folder != work.project:
        scratch = work.store.scratch()
        without, shared = scratch.parent if scratch else None, base(work.store)
        linked = view.show(work.project, folder, work.step.catalog.put, without, shared, work.pulse)
        (work.space.config / "linked.json").write_text(json.dumps(linked))
    catalog.get(work.step.catalog.get, scope_of(work).catalog, folder, source)


def launch(work: Work, brought: Mapping[str, Sequence[FileRecord]]) -> Launch:  # noqa: ARG001 - as above
    """See ``translator.shim.run_contract.Contract.launch``."""
    step, space, scope, source = work.step, work.space, scope_of(work), _source(work)
    rules = RULES[step.dialect]
    secrets = Secrets(work.secret)
    parameters = results.values(scope)
    secret_values = secrets.values(step.secrets, step.name)
    environment = _environment(step, rules, work.id, space, scope, parameters, secret_values)
    if step.dialect == "magnus" and step.kind != "stub":
        socket_path = work.ends.enter_context(secrets.answering(space.temporary))
        environment["MAGNUS_STAND_IN_SECRETS"] = str(socket_path)

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
            script = (
                f"{step.command[0].strip()} && {_environment_command(step, rules)} > {space.config / 'environment'}"
            )
            arguments = ["/bin/sh", "-c", script]
        case "python":
            arguments = _program("call.py", work, {"objects": _objects(scope, space, source)})
        case "notebook":
            arguments = _program("notebook.py", work, notebooks.request(step, folder_of(work), scope.items))
        case kind:
            raise ValueError(f"there are no steps of kind {kind} in {step.dialect}")
    bare = rules.bare_shell and step.kind == "shell"
    names = {str(folder_of(work)): ".", str(space.root): "/workspace"}
    return Launch(arguments, environment, names, folder=folder_of(work), bare=bare, hide=secrets.hide, take=take)


def gather(work: Work, metadata: dict[str, object]) -> outputs.OutputFiles:
    """See ``translator.shim.run_contract.Contract.gather``."""
    try:
        problem = results.collect(work, metadata)
    except ValueError as error:
        problem = str(error)
    to_publish = outputs.tidy(work.space.outputs, work.space.root, work.pulse)
    if problem is not None:
        to_publish.problems.append(problem)
    if (linked := work.space.config / "linked.json").exists():
        wrote = view.changed(work.project, json.loads(linked.read_text()))
        to_publish.problems.extend(f"the step wrote to the project's file {path!r}; {view.INSTEAD}" for path in wrote)
    return to_publish


def _source(work: Work) -> Source:
    return Source(work.store, work.project, str, work.note, work.pulse)


def _environment_command(step: Step, rules: Rules) -> str:
    """Return a command that prints the relevant environment of a shell command, without secrets."""
    if rules.environment_is_state:
        return "env | grep ^MAGNUS_"  # at least the run's id matches
    return " ".join(["env", *(f"-u {shlex.quote(name)}" for name in step.secrets)])


def _program(name: str, work: Work, more: Mapping[str, Any]) -> list[str]:
    """Return the command line that runs one of our programs with a request file."""
    step, config, scope = work.step, work.space.config, scope_of(work)
    document = {
        "dialect": step.dialect,
        "command": step.command[0],
        "parameters": _function_parameters(RULES[step.dialect], results.values(scope)),
        "items": dict(scope.items) if step.kind == "python" or step.dialect == "runnable" else {},
        "returns": dict(step.returns),
        "put": str(config / "put"),
        "result": str(config / "result.json"),
        **more,
    }
    (config / "request.json").write_text(json.dumps(document), encoding="utf-8")
    return [work.python, str(_CHILD / name), str(config / "request.json")]


def _environment(  # noqa: PLR0913, PLR0917 - all that an environment needs
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
    paths = {}
    for name, value in scope.parameters.items():
        if not isinstance(value, Pickle):
            continue
        if value.path not in scope.catalog:
            raise ValueError(f"the object of parameter {name!r} is not in the catalog: {value.path}")
        catalog.place(scope.catalog[value.path], space.config / "objects" / value.path, source)
        paths[name] = str(space.config / "objects" / value.path)
    return paths


def _function_parameters(rules: Rules, parameters: Mapping[str, Json]) -> dict[str, Json]:
    """Return the parameters that a function may accept; Magnus lower-cases their names."""
    return {name.lower(): value for name, value in parameters.items()} if rules.environment_is_state else {**parameters}


def _use(step: Step) -> ProjectUse:
    return "written" if step.options.get("in_place") else "read"


def contract(rules: Rules) -> Contract:
    """Return the contract of one of the two dialects."""
    state = rules.environment_is_state
    scoping = Scoping(prefix=rules.prefix, returns=not state, keeps_failed=state, variadic=not state)
    return Contract(label, bring, launch, gather, scoping=scoping, use=_use, programs=_CHILD)


CONTRACT = contract(RULES["magnus"])
