"""Read steps: what one execution runs, with a node's override merged in."""

from __future__ import annotations

import re
from datetime import timedelta
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from translator import ir
from translator.diagnostics import Diagnostic, Severity
from translator.dialects.valohai.ledger import account, refuse
from translator.dialects.valohai.values import texts, value_of
from translator.names import closest, did_you_mean
from translator.shim.catalogue.names import KINDS, DataNameError, kind_of, parse
from translator.shim.files.object_stores import PACKAGES
from translator.shim.json_values import frozen
from translator.shim.masking import looks_secret

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping

    from translator.diagnostics import Diagnostics
    from translator.dialects.valohai.document import Item
    from translator.source import Located

_FSSPEC = {
    **PACKAGES,
    "ftp": None,
    "sftp": "paramiko",
    "hdfs": "pyarrow",
    "github": "requests",
    "oci": "ocifs",
}
"""The schemes of inputs that fsspec reads, with the package that it needs for them."""
_SOURCES = ("execution", "metadata", "parameter")
"""What conditions name elsewhere. In a stop-condition, a name is a key of metadata."""
_FETCHED = ("file", "http", "https")
_SCHEME = re.compile(r"([a-zA-Z][a-zA-Z0-9+.-]*)://")


def read_step(
    item: Item, override: Located | None, diagnostics: Diagnostics, replaced: Container[str] = ()
) -> ir.Step | None:
    """Read a step as a node runs it.

    What an override says of a parameter, an input or a variable wins over the step; what it leaves out stays as the
    step has it, except the default, which an override without one clears (``Override.serialize_to_template`` of the
    vendor, which sends no more than that to the platform).

    Args:
        item: the step of the file, valid by its schema and for the vendor's parser.
        override: the node's ``override``.
        diagnostics: receives what is refused, ignored or wrong.
        replaced: the inputs whose default an edge replaces, so that its source does not matter.

    Returns:
        The step; None if something in it is refused or wrong.
    """
    body = item.body
    known = len(diagnostics.found)
    account(body, "step", diagnostics)
    account(override, "overridden-properties", diagnostics)
    _check_override(item, override, diagnostics)
    image = _either(override, body, "image")
    command = _either(override, body, "command")
    step = ir.Step(
        name=item.name,
        span=body.span,
        command=texts(command),
        image=str(image.value) if image is not None and image.value else None,
        parameters=tuple(_parameter(merged, diagnostics) for merged in _merge(body, override, "parameters")),
        inputs=tuple(_input(merged, replaced, diagnostics) for merged in _merge(body, override, "inputs")),
        outputs=tuple(_output(output, diagnostics) for output in body.list("outputs")),
        time_limit=seconds(body.get("time-limit")),
        no_output_timeout=seconds(body.get("no-output-timeout")),
        stop_condition=stop_condition(body, diagnostics),
        source_path=_text(body, "source-path"),
        description=_text(body, "description"),
        command_span=command.span if command is not None else None,
        item_spans=tuple(item.span for item in command.items or ()) if command is not None else (),
        request=_request(body, override),
        resources=_resources(body),
        **_environment(body, override, diagnostics),
    )
    _check_placeholders(step, command, diagnostics)
    _check_addresses(step, replaced, diagnostics)
    return None if any(d.severity is Severity.ERROR for d in diagnostics.found[known:]) else step


def stop_condition(body: Located, diagnostics: Diagnostics) -> str | None:
    """Return the condition that ends an execution or a task; what it can use is the metadata.

    Args:
        body: the step, or the task blueprint.
        diagnostics: receives what is refused.
    """
    text = _text(body, "stop-condition")
    if not text:
        return None
    from translator.shim.actions import conditions  # few steps have one

    try:
        names = conditions.names(text)
    except conditions.ConditionError:
        return text  # the vendor's linter reports it
    wrong = next((name for name in names if name[-1] == "()" or (name[0] in _SOURCES and len(name) > 1)), None)
    if wrong is not None:
        place = body.value_span("stop-condition")
        named = f"{wrong[0]}()" if wrong[-1] == "()" else ".".join(wrong)
        refuse("stop-condition", f"a stop-condition with {named!r}", place, diagnostics)
    return text


def _check_override(item: Item, override: Located | None, diagnostics: Diagnostics) -> None:
    """Check that an override only changes inputs and parameters of the step."""
    for key, what in (("inputs", "input"), ("parameters", "parameter")):
        known = [str(known.value["name"]) for known in item.body.list(key)]
        for change in override.list(key) if override else ():
            name = str(change.value["name"])
            if name not in known:
                hint = did_you_mean(name, known, f"its {key}")
                message = f"step {item.name!r} has no {what} {name!r}"
                diagnostics.error(f"unknown-{what}", message, change.value_span("name"), hint=hint)


def seconds(value: Located | None) -> float | None:
    """Read a duration with the vendor's parser.

    Raises:
        ValueError: it is not a duration, or not positive.
    """
    if value is None or value.value is None:
        return None
    try:
        duration = timedelta(seconds=value.value) if isinstance(value.value, int) else _parsed_duration(value.value)
    except IndexError:
        # The vendor's parser crashes if the unit is missing.
        raise ValueError(f'{value.text!r} has a number without a unit; write "{value.text}s" for seconds') from None
    except OverflowError:
        raise ValueError(f"{value.text!r} is too long") from None
    if duration is None or not duration:
        return None
    total = duration.total_seconds()
    if total < 0:
        raise ValueError(f"{value.text!r} is negative")
    return int(total) if total.is_integer() else total


def _parsed_duration(value: str) -> timedelta | None:
    from valohai_yaml.utils.duration import parse_duration

    return parse_duration(value)


_PLACEHOLDER = re.compile(r"\{(?:parameter|parameter-value):(.+?)\}")

_TOKEN = re.compile(r"\{(.+?)\}")
"""What Valohai's command builder takes for a placeholder: from a brace to the next closing one in the line."""

_ENCLOSED = re.compile(r".\{(parameters|params|source-path|parameter:[^{]+|parameter-value:[^{]+)\}")
"""A placeholder that is not substituted, because Valohai sees one that begins at a brace before it."""

_MISSPELT = re.compile(r"(?<![$\w{])\{([A-Za-z]+)\}(?!\})")
"""What may be a misspelt ``{parameters}``; ``${name}`` is a variable of the shell."""


def _check_placeholders(step: ir.Step, command: Located | None, diagnostics: Diagnostics) -> None:
    """Warn of placeholders for unknown parameters, which the vendor's command builder does not substitute."""
    if command is None:
        return
    known = [parameter.name for parameter in step.parameters]
    for place in command.items if command.items is not None else [command]:
        for match in _PLACEHOLDER.finditer(str(place.value)):
            if match.group(1) not in known:
                message = f"step {step.name!r} has no parameter {match.group(1)!r}; {match.group()} is not substituted"
                hint = did_you_mean(match.group(1), known, "its parameters")
                diagnostics.warning("unknown-placeholder", message, place.span, hint=hint)
        for match in _TOKEN.finditer(str(place.value)):
            if enclosed := _ENCLOSED.search(match.group()):
                message = f"{{{enclosed.group(1)}}} is not substituted, because of the '{{' before it in the line"
                hint = "close that brace first, as in: printf '{\"x\": %s}\\n' {parameter-value:x}"
                diagnostics.warning("unknown-placeholder", message, place.span, hint=hint)
        for match in _MISSPELT.finditer(str(place.value)) if known else ():
            if closest(match.group(1), ["parameters"]) and match.group(1) != "parameters":
                message = f"{match.group()} is not a placeholder and is not substituted"
                hint = "did you mean {parameters}?"
                diagnostics.warning("unknown-placeholder", message, place.span, hint=hint)


def _check_addresses(step: ir.Step, replaced: Container[str], diagnostics: Diagnostics) -> None:
    """Report addresses of inputs with a parameter that no run can substitute."""
    known = [parameter.name for parameter in step.parameters]
    several = {parameter.name for parameter in step.parameters if parameter.multiple is not None}
    for step_input in step.inputs:
        if step_input.name in replaced:
            continue
        for match in _PLACEHOLDER.finditer("\n".join(step_input.default)):
            if match.group(1) not in known:
                message = (
                    f"step {step.name!r} has no parameter {match.group(1)!r}, which input {step_input.name!r} needs"
                )
                hint = did_you_mean(match.group(1), known, "its parameters")
                diagnostics.error("unknown-placeholder", message, step_input.span, hint=hint)
            elif match.group(1) in several:
                message = f"parameter {match.group(1)!r} has several values, and input {step_input.name!r} needs one"
                diagnostics.error(
                    "unknown-placeholder", message, step_input.span, hint="use a parameter with one value"
                )


def _either(override: Located | None, body: Located, key: str) -> Located | None:
    overriding = override.get(key) if override else None
    return overriding if overriding is not None and overriding.value else body.get(key)


def _request(body: Located, override: Located | None) -> ir.Request:
    """Return what a step asks of the place where it runs."""
    keys = ("environment", "runtime-config-preset", "environment-variable-groups", "mounts", "resources")
    requested = {key: one for key in keys if (one := _either(override, body, key)) is not None and one.value}
    if not requested:
        return ir.Request()
    environment, preset = requested.get("environment"), requested.get("runtime-config-preset")
    return ir.Request(
        environment=str(environment.value) if environment else None,
        preset=str(preset.value) if preset else None,
        groups=texts(requested.get("environment-variable-groups")),
        mounts=tuple(_mount(one) for one in (requested["mounts"].items or ())) if "mounts" in requested else (),
        spans=MappingProxyType({key: one.span for key, one in requested.items()}),
    )


def _mount(place: Located) -> ir.Mount:
    """Read a mount, which may be written as ``SOURCE:TARGET``."""
    if place.entries is None:
        source, _, target = str(place.value).partition(":")
        return ir.Mount(source, target, place.span)
    value = place.value
    options = frozen(value.get("options") or {})
    return ir.Mount(
        str(value["source"]),
        str(value["destination"]),
        place.span,
        read_only=bool(value.get("readonly")),
        kind=value.get("type"),
        options=options if isinstance(options, dict) else {},
    )


def _resources(body: Located) -> ir.Resources | None:
    """Read the resources of a step."""
    resources = body.get("resources")
    if resources is None or not resources.value:
        return None

    def span(key: str) -> tuple[float | None, float | None]:
        of_key = resources.value.get(key) or {}
        return of_key.get("min"), of_key.get("max")

    devices = {str(name): int(count) for name, count in (resources.value.get("devices") or {}).items()}
    return ir.Resources(span("cpu"), span("memory"), MappingProxyType(devices))


def _text(body: Located, key: str) -> str | None:
    located = body.get(key)
    return None if located is None or located.value is None else str(located.value)


def _merge(body: Located, override: Located | None, key: str) -> Iterator[_Merged]:
    """Yield the items of a list, merged by name with those of an override, in the step's order, new items last."""
    changes = {str(item.value["name"]): item for item in override.list(key)} if override else {}
    items = {str(item.value["name"]): _Merged(item, None) for item in body.list(key)}
    for name, change in changes.items():
        items[name] = _Merged(items[name].base, change) if name in items else _Merged(change, None)
    yield from items.values()


class _Merged:
    """A parameter, an input or a variable of a step, merged with its override."""

    __slots__ = ("base", "change")

    def __init__(self, base: Located, change: Located | None) -> None:
        self.base = base
        self.change = change

    @property
    def place(self) -> Located:
        """The most helpful location: that of the override if there is one."""
        return self.change or self.base

    def get(self, key: str) -> Located | None:
        """Return the override's value, or else the step's; a default of the override replaces the step's."""
        if self.change is not None and (key == "default" or key in (self.change.entries or {})):
            return self.change.get(key)
        return self.base.get(key)

    def plain(self, key: str, otherwise: Any = None) -> Any:
        """Return the plain value of a key that may be missing."""
        located = self.get(key)
        return otherwise if located is None or located.value is None else located.value

    def account(self, schema: str, diagnostics: Diagnostics) -> None:
        """Report the keys of both that are not translated."""
        account(self.base, schema, diagnostics)
        account(self.change, schema, diagnostics)


def _parameter(item: _Merged, diagnostics: Diagnostics) -> ir.Parameter:
    item.account("param-item", diagnostics)
    name = str(item.plain("name"))
    kind = ir.ParameterType(item.plain("type", "string"))
    multiple = item.plain("multiple", "none")
    default = item.get("default")
    what = f"the default of parameter {name!r}"
    value = None if default is None else value_of(default, what, diagnostics)
    if multiple != "none" and not isinstance(value, tuple):
        value = () if value is None else (value,)
    choices = item.get("choices")
    flag = kind is ir.ParameterType.FLAG
    return ir.Parameter(
        name=name,
        span=item.place.span,
        type=kind,
        default=value,
        optional=flag or bool(item.plain("optional", otherwise=False)),
        minimum=item.plain("min"),
        maximum=item.plain("max"),
        choices=_choices(choices, name, diagnostics) if choices is not None and not flag else (),
        multiple=None if multiple == "none" else ir.Multiple(multiple),
        separator=str(item.plain("multiple-separator") or ","),
        pass_as=item.plain("pass-as"),
        pass_true_as=item.plain("pass-true-as") if flag else None,
        pass_false_as=item.plain("pass-false-as") if flag else None,
        description=item.plain("description"),
    )


def _choices(choices: Located, name: str, diagnostics: Diagnostics) -> tuple[ir.Scalar, ...]:
    value = value_of(choices, f"the choices of parameter {name!r}", diagnostics)
    return value if isinstance(value, tuple) else ()


def _input(item: _Merged, replaced: Container[str], diagnostics: Diagnostics) -> ir.Input:
    item.account("input-item", diagnostics)
    name = str(item.plain("name"))
    keep = item.plain("keep-directories", otherwise=False)
    default = item.get("default")
    uris = tuple(uri for uri in texts(default) if uri)
    if default is not None:
        if name in replaced and any(_refusal(uri) for uri in uris):
            message = f"the default of input {name!r} is ignored, because an edge replaces it"
            diagnostics.note("ignored-default", message, default.span)
            uris = ()
        else:
            _check_uris(default, name, diagnostics)
    return ir.Input(
        name=name,
        span=item.place.span,
        default=uris,
        optional=bool(item.plain("optional", otherwise=False)),
        keep_directories=ir.KeepDirectories("full" if keep is True else keep or "none"),
        filename=item.plain("filename") or None,
        description=item.plain("description"),
        on_demand=item.plain("download") == "on-demand",
    )


def _check_uris(default: Located, name: str, diagnostics: Diagnostics) -> None:
    for place in default.items if default.items is not None else [default]:
        uri = str(place.value or "")
        if kind_of(uri) is not None:
            _check_name(uri, place, diagnostics)
            continue
        refusal = _refusal(uri)
        scheme = _scheme(uri)
        if refusal is not None:
            refuse(*refusal, place.span, diagnostics)
        elif package := _FSSPEC.get(scheme):
            message = f"input {name!r} uses {scheme}://, for which workers need the package {package}"
            diagnostics.note("needs-fsspec", message, place.span, hint=f"install it there: pip install {package}")


def _check_name(uri: str, place: Located, diagnostics: Diagnostics) -> None:
    """Report a name of data that is none, whatever values its parameters have."""
    try:
        parse(_PLACEHOLDER.sub("x", uri))
    except DataNameError as error:
        diagnostics.error("bad-data-name", str(error), place.span)


def _refusal(uri: str) -> tuple[str, str] | None:
    """Return why files at an address cannot be fetched yet: the topic and its description."""
    scheme = _scheme(uri)
    if scheme == "swift":
        return "swift-input", "Swift stores, for which fsspec has no file system"
    if scheme in ("http", "https") and "*" in uri:
        return "wildcard", f"wildcards in {scheme}:// URLs"
    if scheme and scheme not in (*_FETCHED, *_FSSPEC, *KINDS):
        return "input-scheme", f"inputs from {scheme}://"
    return None


def _scheme(uri: str) -> str:
    match = _SCHEME.match(uri)
    return match.group(1).lower() if match else ""


def _output(output: Located, diagnostics: Diagnostics) -> ir.Output:
    account(output, "output-item", diagnostics)
    return ir.Output(name=str(output.value["name"]), span=output.span)


def _environment(body: Located, override: Located | None, diagnostics: Diagnostics) -> dict[str, Any]:
    variables = [_variable(merged, diagnostics) for merged in _merge(body, override, "environment-variables")]
    values: Mapping[str, str] = {name: value for name, value, _ in variables if value is not None}
    return {
        "environment": MappingProxyType(values),
        "required_environment": tuple(name for name, value, optional in variables if value is None and not optional),
        "declared_environment": tuple(name for name, _, _ in variables),
    }


def _variable(item: _Merged, diagnostics: Diagnostics) -> tuple[str, str | None, bool]:
    item.account("environment-variable-item", diagnostics)
    default = item.plain("default")
    optional = bool(item.plain("optional", otherwise=True))
    if default is not None and looks_secret(str(item.plain("name")), str(default)):
        message = f"the value of {item.plain('name')!r} looks like a secret, which would appear in generated code"
        hint = "remove its default and set the variable on the workers"
        place = item.place.key_span("default")
        diagnostics.add(Diagnostic("literal-secret", Severity.WARNING, message, place, hint, quote=False))
    return str(item.plain("name")), None if default is None else str(default), optional
