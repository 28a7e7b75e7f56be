"""Run the vendor's parser and linter object by object, so that findings have locations.

Asked for a whole file they stop at the first thing that they cannot read, and say where in no way that a program
could follow.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from translator.diagnostics import Severity
from translator.dialects.valohai.steps import seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from valohai_yaml.lint import LintResult

    from translator.diagnostics import Diagnostics
    from translator.dialects.valohai.document import Item, Items
    from translator.source import Located
    from translator.span import Span

_OURS = re.compile(
    r"""does\ not\ exist            # steps, tasks, nodes, inputs, parameters: checked with a hint
      | nodes\ with\ the\ same\ name
      | \)\ not\ valid$             # kinds of ports
      | socket\ type
      | :\ no\ targets\.
      | is\ not\ well-known         # events and effects of actions
      | Unknown\ field .* in\ override
    """,
    re.VERBOSE,
)
"""Findings of the vendor's linter that we report better elsewhere; a test verifies this."""

_CODES = (
    (re.compile(r"has no effect"), "no-effect"),
    (re.compile(r": default "), "bad-default"),
    (re.compile(r"is not a valid expression"), "bad-expression"),
    (re.compile(r'missing "environment"'), "missing-environment"),
)
_QUOTED_KEY = re.compile(r"`([a-z-]+)`")
_NOT_A_STRING = re.compile(r"(: default) `default` (value .* is not a string) \(got a <class '(\w+)'>\)$", re.DOTALL)
_PREFIX = re.compile(r"^(Step) (.+?), parameter (.+?):")
_OWNER = re.compile(r"^(Step|Task) (.+?), (?=`)")
_NAMED = re.compile(r'\b(Step|Endpoint|Deployment|Pipeline)[ ]"([^"]*)"')
_SYNTAX_NODE = re.compile(r"<ast\.(\w+) object at 0x\w+>")
_OF_BAYESIAN = re.compile(r"^[a-z_]+(?= only makes sense)")
_WORDS = (
    (
        re.compile(r"^Parameter sets only make sense with manual search"),
        "'parameter-sets' has no effect, because the type of the task is not 'manual_search'",
        "write type: manual_search",
    ),
    (
        re.compile(r"^(.+) only makes sense for Bayesian TPE tasks"),
        r"'\1' has no effect, because the type of the task is not 'bayesian_tpe'",
        "remove it",
    ),
    (
        re.compile(r'missing "environment"'),
        "'runtime-config-preset' needs an 'environment'",
        "set 'environment' as well",
    ),
    (
        re.compile(r'^Deployment "(.*)" has no defaults.target'),
        r"deployment '\1' has no 'defaults.target', so Valohai cannot create it",
        None,
    ),
)
"""Messages of the linter, what we say instead, and a hint."""
_TYPES = {"bool": "flag", "float": "float", "int": "integer"}


@dataclass(frozen=True, slots=True)
class Config:
    """The names of the steps, task blueprints and endpoints that the vendor's parser can read, and its object.

    ``config`` is None if the vendor is not asked, because it finds nothing.
    """

    steps: frozenset[str]
    tasks: frozenset[str]
    endpoints: frozenset[str] = frozenset()
    config: Any = None


def unparsed(items: Items, diagnostics: Diagnostics) -> Config:
    """Check a clean file, which the vendor need not parse; see ``translator.dialects.valohai.clean``.

    Args:
        items: the file's items.
        diagnostics: receives our own findings.
    """
    steps = [name for name, item in items.steps.items() if _fit_to_parse(item, diagnostics)]
    for item in items.tasks.values():
        _check_twins(item.body, diagnostics)
    return Config(frozenset(steps), frozenset(items.tasks), frozenset(items.endpoints))


def parse(items: Items, broken: Callable[[Item], bool], diagnostics: Diagnostics) -> Config:
    """Parse and lint the steps, task blueprints, endpoints and deployments of a file.

    Args:
        items: the file's items.
        broken: returns whether an item violates the schema; then it is not parsed.
        diagnostics: receives what cannot be parsed, and the linter's findings.
    """
    from valohai_yaml import objs

    read: dict[str, list[tuple[Item, Any]]] = {"step": [], "task": [], "endpoint": [], "deployment": []}
    readers: dict[str, Callable[[Any], Any]] = {
        "step": objs.Step.parse,
        "task": objs.Task.parse,
        "endpoint": objs.Endpoint.parse,
        "deployment": objs.Deployment.parse,
    }
    for kind, reader in readers.items():
        for item in items.of(kind).values():
            if broken(item) or not _fit_to_parse(item, diagnostics):
                continue
            parsed_item = _guarded(reader, item.body, diagnostics)
            if parsed_item is not None:
                read[kind].append((item, parsed_item))
    parsed = Config(
        frozenset(item.name for item, _ in read["step"]),
        frozenset(item.name for item, _ in read["task"]),
        frozenset(item.name for item, _ in read["endpoint"]),
        objs.Config(
            steps=[parsed_item for _, parsed_item in read["step"]],
            tasks=[parsed_item for _, parsed_item in read["task"]],
            endpoints=[parsed_item for _, parsed_item in read["endpoint"]],
            deployments=[parsed_item for _, parsed_item in read["deployment"]],
        ),
    )
    pairs = [pair for of_kind in read.values() for pair in of_kind]
    for item, parsed_item in pairs:
        _lint_item(item, parsed_item, parsed, diagnostics)
    return parsed


def lint_pipeline(item: Item, config: Config, nodes: Iterable[Located], diagnostics: Diagnostics) -> None:
    """Run the vendor's linter on the nodes of a pipeline.

    Args:
        item: the pipeline.
        config: the rest of the file.
        nodes: the nodes that are valid by the schema.
        diagnostics: receives the linter's findings.
    """
    if config.config is None:
        return
    from valohai_yaml.objs import Pipeline
    from valohai_yaml.objs.pipelines.node import Node

    parsed = [(node, _guarded(Node.parse_qualifying, node, diagnostics)) for node in nodes]
    pipeline = Pipeline(name=item.name, nodes=[node for _, node in parsed if node is not None], edges=[])
    context = {"config": config.config, "pipeline": pipeline}
    for place, node in parsed:
        if node is not None:
            _report(_linted(node, context), place, diagnostics)


def _fit_to_parse(item: Item, diagnostics: Diagnostics) -> bool:
    """Check for values that make the vendor's parser raise an exception without a helpful message."""
    known = len(diagnostics.found)
    if item.kind == "step":
        for key in ("time-limit", "no-output-timeout"):
            try:
                seconds(item.body.get(key))
            except ValueError as error:
                hint = 'use a number of seconds, or a string such as "1h 30m 5s"'
                diagnostics.error("bad-duration", f"{key!r}: {error}", item.body.value_span(key), hint=hint)
        _check_flags(item.body, diagnostics)
    elif item.kind == "task":
        _check_choice(item.body, "type", _task_types(), diagnostics)
        _check_choice(item.body, "on-child-error", _child_errors(), diagnostics)
        _check_concurrency(item.body, diagnostics)
    _check_twins(item.body, diagnostics)
    return not any(d.severity is Severity.ERROR for d in diagnostics.found[known:])


def fit_override(node: Located, diagnostics: Diagnostics) -> bool:
    """Check a node's override for values that would crash the vendor's parser."""
    known = len(diagnostics.found)
    override = node.get("override")
    if override is not None:
        _check_flags(override, diagnostics)
        _check_twins(override, diagnostics)
    return not any(d.severity is Severity.ERROR for d in diagnostics.found[known:])


def _check_flags(body: Located, diagnostics: Diagnostics) -> None:
    for parameter in body.list("parameters"):
        if parameter.value.get("type") == "flag" and parameter.value.get("multiple", "none") != "none":
            name = parameter.value["name"]
            message = f"parameter {name!r} is a flag (true or false) and cannot have several values"
            diagnostics.error("bad-value", message, parameter.key_span("multiple"))


def _check_concurrency(task: Located, diagnostics: Diagnostics) -> None:
    limit = task.get("maximum-queued-executions")
    if limit is not None and limit.value < 1:
        message = f"'maximum-queued-executions' must be at least 1, not {limit.text}"
        diagnostics.error("bad-value", message, limit.span)


def _check_twins(body: Located, diagnostics: Diagnostics) -> None:
    """Warn about duplicate names; the vendor's parser silently keeps the last."""
    for key in ("parameters", "inputs", "outputs", "environment-variables"):
        lines: dict[str, int] = {}
        for item in body.list(key):
            name = str(item.value["name"])
            if name in lines:
                message = f"{name!r} occurs twice in {key!r}; the last one counts"
                diagnostics.warning("duplicate-name", message, item.span, hint=f"the first is on line {lines[name]}")
            lines[name] = item.span.line


def _task_types() -> Mapping[str, str]:
    from valohai_yaml.objs.task import TaskType

    return {kind.value.replace("_", "-"): kind.value for kind in TaskType}


def _child_errors() -> Mapping[str, str]:
    from valohai_yaml.objs.task import TaskOnChildError

    return {kind.value: kind.value for kind in TaskOnChildError}


def _check_choice(body: Located, key: str, choices: Mapping[str, str], diagnostics: Diagnostics) -> None:
    from translator.names import did_you_mean

    located = body.get(key)
    if located is None or not located.value:
        return
    if str(located.value).lower().replace("_", "-") not in choices:
        shown = ", ".join(repr(choice) for choice in choices.values())
        hint = did_you_mean(str(located.value), choices.values())
        diagnostics.error(
            "bad-value", f"{key!r} cannot be {located.value!r}; it must be one of {shown}", located.span, hint=hint
        )


def _guarded(read: Callable[[Any], Any], place: Located, diagnostics: Diagnostics) -> Any:
    try:
        return read(place.value)
    except Exception as error:  # noqa: BLE001 - any exception of the vendor's parser is about the input
        message = f"Valohai's parser cannot read this: {type(error).__name__}: {error}"
        diagnostics.error("unreadable", message, place.span)
        return None


def _lint_item(item: Item, parsed_item: Any, config: Config, diagnostics: Diagnostics) -> None:
    context: dict[str, Any] = {"config": config.config}
    reported: set[str] = set()
    if item.kind == "step":
        context["step"] = parsed_item
        for place in item.body.list("parameters"):
            parameter = parsed_item.parameters.get(place.value["name"])
            if parameter is not None:
                messages = _linted(parameter, context).messages
                reported |= {message["message"] for message in messages}
                _report_messages(messages, place, diagnostics)
    messages = [message for message in _linted(parsed_item, context).messages if message["message"] not in reported]
    _report_messages(messages, item.body, diagnostics)


def _linted(parsed_item: Any, context: dict[str, Any]) -> LintResult:
    from valohai_yaml.lint import LintResult

    result = LintResult()
    with suppress(KeyError):  # its check of pipeline parameters fails for a node whose step does not exist
        parsed_item.lint(result, context)
    return result


def _report(result: LintResult, place: Located, diagnostics: Diagnostics) -> None:
    _report_messages(result.messages, place, diagnostics)


def _report_messages(messages: Iterable[Mapping[str, Any]], place: Located, diagnostics: Diagnostics) -> None:
    for message in messages:
        text = str(message["message"])
        if _OURS.search(text):
            continue
        code = next((code for pattern, code in _CODES if pattern.search(text)), "lint")
        add = {"error": diagnostics.error, "warning": diagnostics.warning}.get(message["type"], diagnostics.note)
        shown, hint = _reworded(text)
        add(code, shown, _spot(code, text, place), hint=hint)


def _reworded(text: str) -> tuple[str, str | None]:
    """Return a message of the linter in our words, and a hint."""
    match = _NOT_A_STRING.search(text)
    if match is not None:
        kind = _TYPES.get(match.group(3))
        shown = _NOT_A_STRING.sub(r"\1 \2", text)
        return _in_our_form(shown), f"write type: {kind}, or quote the value" if kind else None
    text = _SYNTAX_NODE.sub(r"\1", text)
    text = _OF_BAYESIAN.sub(lambda key: key[0].replace("_", "-"), text)  # the linter names Python's attributes
    for pattern, message, hint in _WORDS:
        match = pattern.search(text)
        if match is not None:
            return match.expand(message), hint
    return _in_our_form(text), None


def _in_our_form(text: str) -> str:
    """Return a message that starts in lower case and has names in single quotes."""
    text = _PREFIX.sub(lambda found: f"{found[1].lower()} {found[2]!r}, parameter {found[3]!r}:", text)
    text = _OWNER.sub(lambda found: f"{found[1].lower()} {found[2]!r}, ", text)
    text = _NAMED.sub(lambda found: f"{found[1].lower()} {found[2]!r}", text)
    text = _QUOTED_KEY.sub(r"'\1'", text)
    return text[:1].lower() + text[1:]


def _spot(code: str, text: str, place: Located) -> Span:
    """Return the key that a message of the linter names."""
    if code == "bad-default":
        return place.value_span("default")
    if code == "missing-environment":
        return (place.get("override") or place).key_span("runtime-config-preset")
    quoted = _QUOTED_KEY.search(text)
    return place.key_span(quoted.group(1)) if quoted else place.span
