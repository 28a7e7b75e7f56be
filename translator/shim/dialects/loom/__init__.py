"""Run the steps of Loom: scripts with the paths of inputs and outputs, and with arguments.

Loom's steps share the directory of the pipeline file. Here each has its own directory with the same layout: its
inputs are brought to where Loom has them, its outputs are published from where Loom has them. With ``in_place`` the
steps run in the project directory itself, as in Loom. The working directory is the project in both cases; Loom's is the
one that it was started in.

Missing inputs are not errors, nor are declared outputs that the script has not written: in Loom the script
decides. A file that no edge brings is taken from the project.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from translator.shim.contract import VERDICT
from translator.shim.files import digest
from translator.shim.files.paths import PathError
from translator.shim.inputs.fetch import FetchError
from translator.shim.inputs.places import Place, below, expanded, place_of, tree
from translator.shim.inputs.stage import InputError, Source, bring_file
from translator.shim.parameters import grid
from translator.shim.run_contract import Contract, Launch
from translator.shim.store import StoreError
from translator.shim.workspace import outputs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from translator.shim.contract import FileRecord, Parameter, Step, Value
    from translator.shim.run_contract import Work

# The directories that a loop reads and writes, which are not arguments of the script.
_LOOP = "loop."
_BUILTIN = Path(__file__).with_name("builtin_steps.py")


def label(step: Step, values: Mapping[str, Value]) -> str:
    """See ``translator.shim.run_contract.Contract.label``; an item of a loop is named by its path in the directory."""
    over = next((p.default for p in step.parameters if p.name == f"{_LOOP}over"), None)
    folder = f"{values.get(f'{_LOOP}over', over)}/"
    for item in step.inputs:
        value = values.get(item.name)
        if isinstance(value, str) and value.startswith(folder):
            return value[len(folder) :]
    paths = {item.name for item in step.inputs} | set(step.outputs)
    return grid.label({name: value for name, value in values.items() if name not in paths})


def bring(work: Work, records: dict[str, list[FileRecord]]) -> None:
    """See ``translator.shim.run_contract.Contract.bring``."""
    in_place = _in_place(work)
    written = [place.path for place in _output_places(work)]
    source = Source(work.store, work.project, str, work.note, work.pulse, access=work.access)
    brought = {record.path: record for files in work.input_files.values() for record in files.files}
    empty = {folder for files in work.input_files.values() for folder in files.folders}
    for item in work.step.inputs:
        if item.name.startswith(_LOOP):
            continue
        place = _place(work, item.name)
        if place.url is None and (in_place or place.absolute):
            continue
        try:
            records[item.name] = list(_bring(work, place, brought, empty, source, written))
        except (FetchError, StoreError, PathError) as error:
            raise InputError(f"input {item.name!r}: {error}") from error


def launch(work: Work, records: Mapping[str, Sequence[FileRecord]]) -> Launch:  # noqa: ARG001 - as the contract has it
    """See ``translator.shim.run_contract.Contract.launch``."""
    for place in _output_places(work):
        (_root(work) / place.path).parent.mkdir(parents=True, exist_ok=True)
    match work.step.kind:
        case "condition":
            arguments = [work.python, str(_BUILTIN), _task(work, "evaluate", _condition(work))]
        case "collect":
            arguments = [work.python, str(_BUILTIN), _task(work, "collect", {"copies": _copies(work)})]
        case _:
            arguments = [work.python, str(_script(work)), *_arguments(work)]
    variables = dict(work.step.environment)
    if "PYTHONUNBUFFERED" not in work.surroundings:
        variables.setdefault("PYTHONUNBUFFERED", "1")
    return Launch(arguments, variables, {f"{_root(work)}/": ""})


def gather(work: Work, metadata: dict[str, object]) -> outputs.OutputFiles:
    """See ``translator.shim.run_contract.Contract.gather``."""
    if work.step.kind == "condition":
        metadata.pop(VERDICT, None)
        verdict = work.space.config / "verdict.json"
        if verdict.is_file():
            metadata[VERDICT] = bool(json.loads(verdict.read_text(encoding="utf-8")))
        return outputs.OutputFiles()
    root, target = _root(work), work.space.outputs
    paths = sorted({place.path for place in _output_places(work) if not place.absolute})
    if _in_place(work):
        # Loom's ``into`` directory holds the files of all items; only what an item declares belongs to it.
        own = sorted({place.path for place in _output_places(work, loop=False) if not place.absolute})
        return _copied(root, own, target, work)
    paths = [path for path in paths if not any(path != other and below(path, other) for other in paths)]
    to_publish = outputs.tidy_some(root, paths, work.space.root, work.pulse)
    for path in paths:
        if (root / path).exists():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).rename(target / path)
    return to_publish


def _bring(  # noqa: PLR0913, PLR0917 - all that one input needs
    work: Work, place: Place, brought: Mapping[str, FileRecord], empty: set[str], source: Source, written: list[str]
) -> Iterator[FileRecord]:
    """Bring the files at or below a path: those that edges bring, and those of the project."""
    root = _root(work)
    if place.url is not None:
        target = root / place.path
        cached = work.project / place.path
        if target.exists():
            return
        yield bring_file(place.path, root, place.path if cached.is_file() else place.url, source)
        return
    wanted: dict[str, FileRecord | str] = {p: r for p, r in brought.items() if below(p, place.path)}
    folders = [folder for folder in empty if below(folder, place.path)]
    if place.path not in wanted:
        of_project, empty_of_project = _of_project(work, place, set(wanted))
        wanted |= {path: path for path in of_project}
        folders += empty_of_project
    if not wanted and not folders:
        work.note(f"warning: the input {place.path!r} does not exist")
    for path, record in wanted.items():
        if (root / path).is_file():
            continue
        record_of_item = bring_file(path, root, record, source)
        if any(below(path, output) for output in written):
            outputs.own(root / path)
            record_of_item = replace(record_of_item, uri=f"file://{root / path}")
        yield record_of_item
    for folder in folders:
        if not (root / folder).exists():
            (root / folder).mkdir(parents=True)


def _of_project(work: Work, place: Place, brought: set[str]) -> tuple[list[str], list[str]]:
    """Return the files and empty directories at a path of the project, except those that edges replace."""
    there = tree(work.project / place.path, work.store)
    if there is None:
        return [], []
    parents = {str(folder) for path in brought for folder in PurePosixPath(path).parents}
    files, folders = (
        [(PurePosixPath(place.path) / name).as_posix() for name in names] for names in (there.files, there.folders)
    )
    taken = brought | parents
    free = (path for path in files if path not in taken)
    return [path for path in free if brought.isdisjoint(map(str, PurePosixPath(path).parents))], folders


def _arguments(work: Work) -> list[str]:
    """Return the script's arguments in Loom's order, which is that of the parameters."""
    inputs = {item.name for item in work.step.inputs}
    arguments: list[str] = []
    for parameter in work.step.parameters:
        if parameter.name.startswith(_LOOP) or parameter.pass_as == "":
            continue
        if parameter.name in inputs and parameter.pass_as is None:
            arguments.append(_path(work, parameter.name))
            continue
        flag = parameter.pass_as or parameter.name
        value = work.values.get(parameter.name)
        if parameter.name in inputs or parameter.name in work.step.outputs:
            arguments += [flag, _path(work, parameter.name)]
        elif isinstance(value, bool):
            arguments += [flag] if value else []
        else:
            arguments += [flag, str(_value(work, parameter))]
    extra = work.step.options.get("extra", ())
    return [*arguments, *(extra.split() if isinstance(extra, str) else map(str, _listed(extra)))]


def _condition(work: Work) -> dict[str, Any]:
    inputs = {item.name for item in work.step.inputs}
    arguments: dict[str, Any] = {
        p.name: _path(work, p.name) if p.name in inputs else _value(work, p) for p in work.step.parameters
    }
    more = work.step.options.get("arguments")
    predicate = work.step.options.get("predicate")
    return {
        "predicate": predicate,
        "script": None if predicate else str(_script(work)),
        "arguments": arguments | (dict(more) if isinstance(more, Mapping) else {}),
        "negate": bool(work.step.options.get("negate")),
        "verdict": str(work.space.config / "verdict.json"),
    }


def _copies(work: Work) -> list[list[str]]:
    """Return the copies to make from the last iteration that ran; an empty iteration copies nothing."""
    count = work.step.options.get("iterations")
    for iteration in reversed(range(count if isinstance(count, int) else 0)):
        copies = {name: f"{name}_iter{iteration}" for name in work.step.outputs}
        if any(work.input_files[own].ran for own in copies.values() if own in work.input_files):
            return [[_path(work, own), _path(work, name)] for name, own in copies.items() if own in work.values]
    return []


def _task(work: Work, name: str, document: Mapping[str, Any]) -> str:
    path = work.space.config / f"{name}.json"
    path.write_text(json.dumps({"task": name, **document}), encoding="utf-8")
    return str(path)


def _script(work: Work) -> Path:
    if not work.step.command:
        raise ValueError(f"step {work.step.name!r} has no script")
    return work.project / expanded(work.step.command[0], work.surroundings)


def _value(work: Work, parameter: Parameter) -> object:
    value = work.values.get(parameter.name)
    return expanded(value, work.surroundings) if isinstance(value, str) else value


def _path(work: Work, name: str) -> str:
    """Return the absolute path that the script gets."""
    place = _place(work, name)
    return place.path if place.absolute else str(_root(work) / place.path)


def _place(work: Work, name: str) -> Place:
    try:
        return place_of(str(work.values.get(name) or "."), work.surroundings, work.project)
    except PathError as error:
        raise ValueError(f"parameter {name!r}: {error}") from error


def _output_places(work: Work, *, loop: bool = True) -> list[Place]:
    """Return the path that the step writes; it is absolute if the pipeline allows paths outside the project."""
    places = []
    allowed = set(_listed(work.step.options.get("outside", ())))
    if work.step.files is not None and work.step.files.into in allowed:
        allowed.update(work.step.files.outputs)
    for name in work.step.outputs:
        if not loop and name.startswith(_LOOP):
            continue
        place = _place(work, name)
        if (place.absolute and name not in allowed) or place.url is not None or place.path == ".":
            raise ValueError(
                f"the output {name!r} must be a path in the project directory, not {work.values.get(name)!r}"
            )
        places.append(place)
    return places


def _root(work: Work) -> Path:
    """Return the directory that replaces the project's; paths of data are relative to it."""
    return work.project if _in_place(work) else work.space.root / "data"


def _in_place(work: Work) -> bool:
    return bool(work.step.options.get("in_place"))


def _copied(root: Path, paths: Sequence[str], target: Path, work: Work) -> outputs.OutputFiles:
    """Copy outputs out of the project, so that later writes do not change the artifact."""
    copied = outputs.OutputFiles()
    for path in paths:
        there = tree(root / path, work.store)
        for name in there.files if there is not None else ():
            own = path if name == "." else f"{path}/{name}"
            if own in copied.paths:
                continue
            (target / own).parent.mkdir(parents=True, exist_ok=True)
            digest.copy_file(root / own, target / own, work.pulse)
            copied.paths.append(own)
        copied.folders.extend(path if name == "." else f"{path}/{name}" for name in (there.folders if there else ()))
    copied.paths.sort()
    return copied


def _listed(value: object) -> Sequence[object]:
    return value if isinstance(value, (list, tuple)) else [value]


CONTRACT = Contract(label, bring, launch, gather, whole_paths=True, programs=_BUILTIN)
