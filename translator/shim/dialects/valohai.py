"""Run the steps of Valohai: the command's text, the ``VH_*`` environment and the config files.

A command that says ``/valohai/inputs``, ``outputs``, ``config`` or ``repository`` gets the directory of the workspace,
also in values of parameters and of the step's environment variables. The commands of a step are built by the vendor's
own ``valohai_yaml``, by the rule of its pipeline converter (defaults of flags count). They run one after another in one
shell (``translator.shim.process.script``): ``sh -c``, or the program of a shebang in the first of them. The working
directory is the execution's own copy of the project.
"""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import warnings
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, cast

from translator.shim.catalogue import properties
from translator.shim.clock import now
from translator.shim.contract import InputFiles
from translator.shim.inputs import stage
from translator.shim.inputs.fetch import FetchError
from translator.shim.inputs.launch import refusal
from translator.shim.masking.uris import redact
from translator.shim.parameters import grid, vendor
from translator.shim.process import script
from translator.shim.process.environment import without_proxy
from translator.shim.run_contract import Contract, Launch
from translator.shim.workspace import outputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from translator.shim.catalogue.resolve import Resolution
    from translator.shim.contract import ExecutionId, FileRecord, Step, Value
    from translator.shim.distributed.group import Announcement
    from translator.shim.run_contract import ProjectUse, Work
    from translator.shim.workspace import Workspace

HOME = "/valohai"
# Not inside a longer path (/data/valohai/inputs, /valohai/inputs2), but after a URI's scheme.
_FOLDER = re.compile(r"(?:(?<=://)|(?<![\w./~}*-]))/valohai/(?P<name>inputs|outputs|config|repository)(?![\w.-])")
_PARAMETER = re.compile(r"\{parameter(?:-value)?:([^}]+)\}")
_LEAVES = re.compile(r"[/\\*?]")
"""Characters of a value that make more of it than a part of a name."""
_STRING = re.compile(r'"[^"]*"')
_NOT_YAML = re.compile(r"\d[eE]")
_OWNER = "local"
"""The owner of a project without a name."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
# The limit for an argument of a program on Linux is 128 KiB.
_ARGUMENT = 100_000


def default(uri: str, values: Mapping[str, Value], step: Step, project: Path) -> str:
    """Return the URI of an input's default, with ``{parameter:name}`` replaced by the parameter's value alone.

    Args:
        uri: the default, or what the run was given.
        values: those of the parameters in this run.
        step: the step; what its own defaults lead to needs no permission.
        project: the project's directory.

    Raises:
        FetchError: the values choose a file that whoever starts a run may not choose.
    """
    address = _substituted(uri, values)
    if address in {uri, _substituted(uri, {item.name: item.default for item in step.parameters})}:
        return address
    if (reason := refusal(address, project, _named_directory(uri, values))) is not None:
        raise FetchError(reason)
    return address


def _named_directory(uri: str, values: Mapping[str, Value]) -> str | None:
    """Return the directory of a default that the pipeline file names, before the first value; None if it names none.

    What stands there is from the pipeline file, or has been checked. If the first value only completes a name, as in
    ``s3://bucket/day-{parameter:day}.csv``, it must stay in that name.
    """
    first = _PARAMETER.search(uri)
    start = uri[: first.start()] if first is not None else uri
    if start.startswith(("http://", "https://")) and "?" in start:
        return start.partition("?")[0]
    folder, slash, begun = start.rpartition("/")
    completing = _PARAMETER.findall(uri[len(folder) + 1 :].partition("/")[0]) if begun else []
    leaves = any(_LEAVES.search(str(values.get(name))) for name in completing)
    is_whole = slash and not folder.endswith((":/", ":")) and not leaves
    return (folder or None) if is_whole else None


def _substituted(uri: str, values: Mapping[str, Value]) -> str:
    def replaced(match: re.Match[str]) -> str:
        value = values.get(match[1])
        return match[0] if value is None else str(value)

    return _PARAMETER.sub(replaced, uri)


def label(step: Step, values: Mapping[str, Value]) -> str:  # noqa: ARG001 - as the contract has it
    """See ``translator.shim.run_contract.Contract.label``."""
    return grid.label(values)


def bring(work: Work, records: dict[str, list[FileRecord]]) -> None:
    """See ``translator.shim.run_contract.Contract.bring``."""
    source = _source(work)
    for step_input in work.step.inputs:
        files = work.input_files.get(step_input.name) or InputFiles(defaults=step_input.default)
        if step_input.on_demand and work.reaches_worker:
            work.offered[step_input.name] = stage.offers(step_input, files, source)
            records[step_input.name] = []
            continue
        if step_input.on_demand:
            work.note(
                f"input {step_input.name!r} is downloaded now, because its container cannot ask this worker for it"
            )
        records[step_input.name] = stage.fill(step_input, files, work.space.inputs, source)


def _source(work: Work) -> stage.Source:
    return stage.Source(
        work.store,
        work.project,
        default=lambda uri: default(uri, work.values, work.step, work.project),
        note=work.note,
        pulse=work.pulse,
        resolve=lambda name: _resolve(name, work),
        data=work.data,
        access=work.access,
    )


def _resolve(name: str, work: Work) -> Resolution:
    from translator.shim.catalogue.resolve import resolve  # few executions use names

    resolution = resolve(name, work.catalogue, work.store)
    if resolution.name != name:
        work.note(f"{name} is {resolution.name}")
    return resolution


def launch(work: Work, records: Mapping[str, Sequence[FileRecord]]) -> Launch:
    """See ``translator.shim.run_contract.Contract.launch``."""
    step, space, view = work.step, work.space, work.view
    if step.deployment is not None:
        return Launch((step.deployment.name,), {})
    shebang, items = items_of(step, work.values)
    arguments = _arguments(shebang, [mapped(item, view) for item in items], work)
    seen = {name: _mapped_value(value, view) for name, value in work.values.items() if value is not None}
    _write(space.config, "parameters", seen)
    _write(space.config, "inputs", {**_inputs(step, view, records), **_offered(work)})
    _write(space.config, "execution", _execution(work))
    variables = environment(step, work.id, view, _project_name(work))
    if work.offered:
        _write(space.config, "api", {"input_request": _serve(work, records)})
        variables |= without_proxy({**work.surroundings, **variables})
    names = {str(space.root): HOME, str(view.root): HOME, str(view.temporary): "/tmp"}  # noqa: S108 - a text
    members = partial(_group_files, work.id) if step.distributed is not None else None
    return Launch(arguments, variables, names, folder=view.repository, group_files=members)


def gather(work: Work, metadata: dict[str, object]) -> outputs.OutputFiles:  # noqa: ARG001 - as the contract has it
    """See ``translator.shim.run_contract.Contract.gather``."""
    space = work.space
    if space.outputs.is_symlink() or not space.outputs.is_dir():
        return outputs.OutputFiles(problems=["the command removed its outputs directory"], taken=True)
    found = outputs.tidy(space.outputs, space.root, work.pulse, where=work.where, project=work.project)
    described = properties.read(space.outputs, [*found.paths, *work.uploaded], found.notes.append)
    return replace(found, properties=described)


def register(work: Work, published: Sequence[FileRecord]) -> None:
    """See ``translator.shim.run_contract.Contract.register``."""
    if not any(file.properties for file in published):
        return
    from translator.shim.catalogue import making

    again = work.origin is not None
    making.make(work.store, published, work.origin or work.id, now(), work.note, again=again)


def items_of(step: Step, values: Mapping[str, Value]) -> tuple[str, list[str]]:
    """Return the shebang of a step's commands, if there is one, and the commands without values None.

    Raises:
        ValueError: a value is invalid for its placeholder.
    """
    items = [item.strip() for item in step.command]
    if any("{" in item for item in items):
        items = _built(step, values)
    shebang = ""
    if items and items[0].startswith("#!"):
        shebang, _, items[0] = items[0].partition("\n")
    return shebang, items


def _built(step: Step, values: Mapping[str, Value]) -> list[str]:
    """Return the commands with their placeholders replaced, as the vendor does."""
    from valohai_yaml.commands import CommandInterpolationWarning, build_command
    from valohai_yaml.objs.parameter_map import ParameterMap

    parameters = {parameter.name: vendor(parameter) for parameter in step.parameters}
    arguments = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    special = {"source-path": step.source_path} if step.source_path is not None else {}
    known = ParameterMap(
        parameters=parameters, values=cast("dict[str, str]", {k: v for k, v in arguments.items() if v is not None})
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error", CommandInterpolationWarning)
        try:
            return list(build_command(list(step.command), known, special_interpolations=special))
        except (CommandInterpolationWarning, KeyError, IndexError, AttributeError) as error:
            raise ValueError(f"the command of step {step.name!r} cannot be built: {error}") from error


def mapped(text: str, space: Workspace) -> str:
    """Return ``text`` with the directories of Valohai replaced by those that the command sees."""
    return _FOLDER.sub(lambda match: str(space.root / match["name"]), text)


def environment(step: Step, identity: ExecutionId, space: Workspace, project_name: str) -> dict[str, str]:
    """Return the variables of an execution; ids derive from names, so both engines have the same."""
    execution = _uuid(identity.pipeline, identity.run, identity.node, str(identity.index), str(identity.attempt))
    variables = {name: mapped(value, space) for name, value in step.environment.items()}
    variables |= {
        "VH_CONFIG_DIR": str(space.config),
        "VH_INPUTS_DIR": str(space.inputs),
        "VH_OUTPUTS_DIR": str(space.outputs),
        "VH_REPOSITORY_DIR": str(space.repository),
        "VH_JOB_ID": f"exec-{execution}",
        "VH_EXECUTION_ID": execution,
        "VH_PROJECT_ID": _uuid(project_name),
        "VH_PIPELINE_ID": _uuid(identity.pipeline, identity.run),
        "VH_PIPELINE_NODE_ID": _uuid(identity.pipeline, identity.run, identity.node),
    }
    if identity.kind == "task":
        variables["VH_TASK_ID"] = _uuid(identity.pipeline, identity.run, identity.node, "task")
    if step.distributed is not None:
        variables |= {
            "VH_DIST_MEMBER_ID": str(identity.index),
            "VH_DIST_MEMBER_INDEX": str(identity.index),
            "VH_DIST_MEMBER_COUNT": str(step.distributed.members),
        }
    variables.setdefault("PYTHONUNBUFFERED", "1")
    return variables


def _arguments(shebang: str, items: Sequence[str], work: Work) -> list[str]:
    interpreter = shlex.split(shebang[2:].strip(), posix=False) if shebang else ["/bin/sh"]
    if not interpreter:
        raise ValueError("the command's first line is #! without a program")
    shell = script.is_shell(interpreter)
    if shell:
        script.check(items, interpreter)
    text = script.script(items, shell=shell)
    if shebang:
        return [*interpreter, _script(f"{shebang}\n{text}", work)]
    if len(text.encode("utf-8", "surrogatepass")) > _ARGUMENT:
        return [*interpreter, _script(text, work)]
    return [*interpreter, "-c", text]


def _script(script: str, work: Work) -> str:
    path = work.space.config / "command"
    path.write_text(f"{script}\n", encoding="utf-8", errors="surrogateescape")
    path.chmod(0o500)
    return str(work.view.config / path.name)


def _inputs(step: Step, space: Workspace, inputs: Mapping[str, Sequence[FileRecord]]) -> dict[str, object]:
    return {
        step_input.name: {
            "files": [
                {
                    "name": record.path,
                    "path": str(space.inputs / step_input.name / record.path),
                    **_known_of(record),
                }
                for record in inputs.get(step_input.name, ())
            ]
        }
        for step_input in step.inputs
    }


def _offered(work: Work) -> dict[str, object]:
    """Return what inputs.json says of inputs that the command downloads itself: their files have no paths."""
    return {
        name: {
            "input_id": _input_id(work.id, name),
            "files": [{"name": path, **_known_of(file)} for path, file in files.items()],
        }
        for name, files in work.offered.items()
    }


def _known_of(file: FileRecord | str) -> dict[str, object]:
    if isinstance(file, str):
        return {"uri": redact(file), "metadata": [], "datum_id": _uuid(file)}
    return {
        "size": file.size,
        "uri": file.uri,
        "checksums": {"sha256": file.sha256},
        "metadata": [dict(file.properties)] if file.properties else [],
        "datum_id": _uuid(file.uri, file.sha256),
    }


def _input_id(identity: ExecutionId, name: str) -> str:
    return _uuid(identity.pipeline, identity.run, identity.node, str(identity.index), str(identity.attempt), name)


def _serve(work: Work, records: Mapping[str, Sequence[FileRecord]]) -> dict[str, object]:
    """Serve the files that the command may ask for; return the request that api.json describes."""
    from translator.shim.inputs.on_demand import Asked, serve  # few executions need a server

    inputs = [Asked(name, _input_id(work.id, name), files) for name, files in work.offered.items()]
    brought = cast("Mapping[str, list[FileRecord]]", records)
    serving = serve(inputs, work.space, _source(work), lambda name, record: brought[name].append(record))
    return {"url": work.ends.enter_context(serving), "method": "POST", "headers": {}}


def _execution(work: Work) -> dict[str, object]:
    """Return what execution.json says: of the keys that Valohai documents, those whose values are known here."""
    step, identity = work.step, work.id
    execution = _uuid(identity.pipeline, identity.run, identity.node, str(identity.index), str(identity.attempt))
    task = _uuid(identity.pipeline, identity.run, identity.node, "task") if identity.kind == "task" else None
    created = datetime.now(UTC).isoformat()
    wanted = step.requested_environment
    has_id = wanted is not None and _UUID.fullmatch(wanted) is not None
    document: dict[str, object] = {
        "valohai.commit-identifier": step.commit,
        "valohai.creator-name": work.creator,
        "valohai.environment-id": wanted if has_id else None,
        "valohai.environment-slug": None if has_id else wanted,
        "valohai.execution-ctime": created,
        "valohai.execution-id": execution,
        "valohai.execution-image": step.image,
        "valohai.execution-qtime": created,
        "valohai.execution-status": "created",
        "valohai.execution-step": step.name,
        "valohai.execution-tags": [],
        "valohai.execution-title": identity.node,
        "valohai.pipeline-id": _uuid(identity.pipeline, identity.run),
        "valohai.pipeline-node-id": _uuid(identity.pipeline, identity.run, identity.node),
        "valohai.pipeline-tags": [],
        "valohai.pipeline-title": identity.pipeline,
        "valohai.project-id": _uuid(_project_name(work)),
        "valohai.project-name": _project_name(work),
        "valohai.task-id": task,
    }
    return {key: value for key, value in document.items() if value is not None}


def _project_name(work: Work) -> str:
    """Return the name of the project with its owner, which scripts split at the slash."""
    name = work.project_name or work.id.pipeline.replace("/", "-")
    return name if "/" in name else f"{_OWNER}/{name}"


def _group_files(identity: ExecutionId, number: int, members: Sequence[Announcement]) -> Mapping[str, bytes]:
    """Return what tells a member of its group, as Valohai documents it; each attempt at the task is another group."""
    known = [_member(identity, member) for member in members]
    document = {
        "config": {
            "group_name": f"task-{_uuid(identity.pipeline, identity.run, identity.node, 'group', str(number))}",
            "member_id": str(identity.index),
            "required_count": len(members),
        },
        "members": known,
        "self": known[identity.index],
    }
    return {f"distributed.{suffix}": text.encode() for suffix, text in _both(document).items()}


def _member(identity: ExecutionId, member: Announcement) -> dict[str, object]:
    execution = _uuid(identity.pipeline, identity.run, identity.node, str(member.index), str(member.attempt))
    return {
        "announce_time": member.time,
        "identity": member.identity,
        "job_id": f"exec-{execution}",
        "member_id": str(member.index),
        "network": {"exposed_ports": {}, "local_ips": list(member.addresses), "public_ips": []},
    }


def _mapped_value(value: Value, space: Workspace) -> Value:
    if isinstance(value, str):
        return mapped(value, space)
    if isinstance(value, (list, tuple)):
        return [mapped(item, space) if isinstance(item, str) else item for item in value]
    return value


def _write(folder: Path, name: str, document: Mapping[str, object]) -> None:
    """Write a document as JSON and as the same YAML."""
    for suffix, content in _both(document).items():
        with (folder / f"{name}.{suffix}").open("xb", buffering=0) as file:
            file.write(content.encode())


def _both(document: Mapping[str, object]) -> dict[str, str]:
    """Return the text of a document as JSON and as the same YAML."""
    text = json.dumps(document)
    return {"json": text, "yaml": _yaml(text, document)}


def _yaml(text: str, document: Mapping[str, object]) -> str:
    """Return a document as YAML: its JSON text, unless it has numbers like 1e-05 or surrogate pairs."""
    if "\\" not in text and not _NOT_YAML.search(_STRING.sub("", text)):
        return text
    import yaml

    return yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True)


def _uuid(*parts: str) -> str:
    """Return a UUID (version 5) that depends only on the parts."""
    digest = bytearray(hashlib.sha1("\x00".join(parts).encode("utf-8", "surrogatepass")).digest()[:16])  # noqa: S324
    digest[6] = (digest[6] & 0x0F) | 0x50
    digest[8] = (digest[8] & 0x3F) | 0x80
    text = digest.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _use(step: Step) -> ProjectUse:
    return "copied" if step.deployment is None else "read"


CONTRACT = Contract(label, bring, launch, gather, register, home=HOME, use=_use, live_outputs=True)
