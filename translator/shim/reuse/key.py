"""Compute the key of an execution: the digest of all that its results depend on.

| part | what counts |
|---|---|
| command | the commands, the formats of their parameters, the path of the source |
| image, runner | their names; of a container image, its name is taken for its content |
| settings | those of the runner that change what a command sees (``runner_settings``) |
| python, packages | for processes of the worker: the version, and the packages that the project's code imports |
| environment | the variables of the step, and those that it requires of the worker |
| code | the files of the project (``project_files``) |
| parameters | the values, with their types |
| inputs | by input, the paths and digests of its files and their properties, however they were brought |

The names of the step, the node and the pipeline do not count, nor do resources, time limits, queues and the engine.

Secrets of the worker never count by value. Variables that are secrets, and those that the step requires of the worker
and whose names say that they are secrets, count by their names: they give access, and a new password must not cost
hours of computing. Values that the pipeline file or an edge gives count, whatever their names (``MAX_TOKENS``); those
that people must not see count by a digest that is slow to compute. An execution whose command or parameters contain a
secret has no key, because a fast digest of a short secret can be guessed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from translator.shim.contract import FileRecord, ReuseKey
from translator.shim.json_values import thawed
from translator.shim.json_values.storable import sane
from translator.shim.masking import is_sensitive
from translator.shim.masking.uris import MASK, redact_text
from translator.shim.reuse import packages, project_files, runner_settings
from translator.shim.reuse.project_files import Project, ProjectFiles, UnknownFilesError
from translator.shim.runners import DEFAULT
from translator.shim.runners.process import interpreter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from translator.shim.contract import InputFiles, Json, Manifest, Step, Value

VERSION = 2
"""Changes with what counts, and with how it is written."""
_MOST_FILES, _MOST_BYTES = 1_000, 1 << 30
"""The size of a project beyond which its digest is computed only if the execution may be reused."""
_ROUNDS = 50_000
"""How often a value that people must not see is hashed: whoever reads a store can guess one value in some 20 ms."""
_FORMAT = ("pass_as", "pass_true_as", "pass_false_as", "multiple", "separator")


def of_step(step: Step, inherited: Mapping[str, str], hide: Callable[[str], str]) -> ReuseKey:
    """Return the parts of a key that follow from a step and its environment.

    Args:
        step: the step, with the variables that edges bring.
        inherited: the worker's environment as the step sees it.
        hide: takes the values of secrets out of a text.
    """
    written: dict[str, Json] = {"commands": list(step.command)}
    formats = {one.name: shown for one in step.parameters if (shown := _format(one))}
    if formats:
        written["formats"] = formats
    if step.stop_condition is not None:
        written["stop-condition"] = step.stop_condition
    if step.source_path is not None:
        written["source-path"] = step.source_path
    is_secret = _has_secret(written, lambda text: redact_text(hide(text)))
    parts: dict[str, Json] = {
        **({} if is_secret else {"command": written}),
        "image": step.image,
        "runner": step.runner.name if step.runner is not None else DEFAULT,
        "environment": _environment(step, inherited, hide),
    }
    if masked := _digests_of_masked(step, hide):
        parts["masked"] = masked
    settings, unknown = runner_settings.of_step(step)
    if settings:
        parts["settings"] = settings
    if is_secret:
        unknown = "its command contains a secret"
    elif _has_secret(settings, hide):
        unknown, parts["settings"] = "the settings of its runner contain a secret", None
    return ReuseKey(parts, unknown=unknown)


def with_code(
    key: ReuseKey,
    step: Step,
    project: Project,
    inherited: Mapping[str, str],
    pulse: Callable[[], None],
) -> tuple[ReuseKey, ProjectFiles | None]:
    """Add the code that a command sees, and the packages that it imports; return the project's files, too.

    Args:
        key: that of the step.
        step: the step, with the variables that edges bring.
        project: the project.
        inherited: the worker's environment as the step sees it.
        pulse: called now and then; what it raises ends the work.
    """
    if key.unknown:
        return key, None
    limits = () if key.enabled else (_MOST_FILES, _MOST_BYTES)
    try:
        files = project_files.read(project, pulse, *limits)
    except UnknownFilesError as error:
        return replace(key, unknown=str(error)), None
    except OSError as error:
        return replace(key, unknown=f"the project's files cannot be read: {error.strerror or error}"), None
    parts = {**key.parts, "code": files.digest}
    if key.parts["runner"] == DEFAULT:
        variables = {**inherited, **step.environment}
        python = interpreter.on_path(variables)
        parts["python"] = python.version if python is not None else None
        environment = packages.Environment(
            python.packages if python is not None else (),
            f"{python.prefix}/bin" if python is not None else "",
            variables.get("PYTHONPATH", ""),
        )
        try:
            parts["packages"] = packages.of_project(project.directory, files, environment, step.command)
        except packages.UnversionedError as error:
            return replace(key, unknown=str(error)), None
    return replace(key, parts=parts), files


def with_values(
    key: ReuseKey, values: Mapping[str, Value], inputs: Mapping[str, Sequence[FileRecord]], hide: Callable[[str], str]
) -> ReuseKey:
    """Complete a key.

    Args:
        key: with the parts that do not depend on values.
        values: those of the parameters.
        inputs: by input its files, with their paths as the command sees them.
        hide: takes the values of secrets out of a text.
    """
    if key.unknown:
        return key
    secret = sorted(name for name, value in values.items() if _has_secret(value, hide))
    if secret:
        return replace(key, unknown=f"its parameter {secret[0]!r} contains a secret")
    parts = {**key.parts, "inputs": {name: files_digest(inputs[name]) for name in sorted(inputs)}}
    return replace(key, parts=parts, digest=_digest(parts, values))


def belongs_to(key: str, manifest: Manifest) -> bool:
    """Return whether a manifest, which anybody may have written, has a key."""
    own = manifest.key
    if own is None or own.unknown or own.digest != key:
        return False
    try:
        return _digest(own.parts, manifest.parameters) == key
    except (TypeError, ValueError, RecursionError):
        return False


def files_digest(files: Sequence[FileRecord]) -> str:
    """Return a digest of what a command sees of files: their paths, contents and properties."""
    return _hash(
        sorted([file.path, file.sha256, json.dumps(_plain(file.properties), sort_keys=True)] for file in files)
    )


def unkeyed_input(step: Step, inputs: Mapping[str, InputFiles], offered: Mapping[str, Mapping[str, object]]) -> str:
    """Return which input has contents that are not known; an empty text if all are.

    Args:
        step: the step.
        inputs: by input what edges bring.
        offered: by input the files that the command downloads itself, by path.
    """
    for one in step.inputs:
        if not all(isinstance(file, FileRecord) for file in offered.get(one.name, {}).values()):
            return f"its command downloads the input {one.name!r}, whose content is not known before"
        if one.name in inputs and inputs[one.name].folders:
            return f"empty directories belong to the input {one.name!r}"
    return ""


def _format(parameter: object) -> dict[str, Json]:
    """Return what decides how a parameter is written into a command, as far as it is not the default."""
    shown = {name: getattr(parameter, name) for name in _FORMAT}
    if shown["multiple"] is None:
        del shown["separator"]
    return {name: value for name, value in shown.items() if value is not None}


def _has_secret(value: object, hide: Callable[[str], str]) -> bool:
    if isinstance(value, dict):
        return any(_has_secret(item, hide) for item in value.values())
    if isinstance(value, (list, tuple)):
        return any(_has_secret(item, hide) for item in value)
    if isinstance(value, str):
        return hide(value) != value
    return value is not None and not isinstance(value, bool) and hide(str(value)) == MASK


def _environment(step: Step, inherited: Mapping[str, str], hide: Callable[[str], str]) -> dict[str, Json]:
    """Return the variables of a step as people may see them; those of the worker as digests."""
    variables: dict[str, Json] = {}
    for name in step.required_environment:
        if name in inherited and name not in step.environment:
            variables[name] = MASK if is_sensitive(name) else f"sha256:{_hash(redact_text(inherited[name]))}"
    for name, value in step.environment.items():
        variables[name] = _visible_value(name, value, hide)
    for name, secret in step.secret_variables.items():
        variables[name] = f"{MASK} ({secret})"
    return variables


def _visible_value(name: str, value: str, hide: Callable[[str], str]) -> str:
    return MASK if is_sensitive(name) else hide(redact_text(value))


def _digests_of_masked(step: Step, hide: Callable[[str], str]) -> dict[str, Json]:
    """Return digests of the variables with values that people must not see, except those of secrets."""
    return {
        name: _slow_digest(name, value)
        for name, value in step.environment.items()
        if name not in step.secret_variables and _visible_value(name, value, hide) != value
    }


@lru_cache(maxsize=64)
def _slow_digest(name: str, value: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", value.encode("utf-8", "surrogatepass"), name.encode(), _ROUNDS).hex()


def _digest(parts: Mapping[str, Json], values: Mapping[str, object]) -> str:
    return _hash([VERSION, cast("Json", _plain(parts)), cast("Json", _plain(values))])


def _plain(value: object) -> object:
    return sane(thawed(value))


def _hash(value: object) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
