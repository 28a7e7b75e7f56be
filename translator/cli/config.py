"""Run ``translate config``: show which settings count for a pipeline and its nodes, and where each comes from."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from translator import registry
from translator.cli.exit_status import FAILED, OK
from translator.cli.parser import Parser
from translator.cli.pipeline_options import add_file, add_pipeline_arguments, choose, open_file
from translator.cli.printing import is_bad, print_json, show
from translator.config.resolve import resolve
from translator.config.settings import settings_by_name
from translator.diagnostics import TranslationError, printable
from translator.nodes import walk_steps
from translator.shim.json_values import thawed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator import ir
    from translator.config.settings import Setting
    from translator.load import Loaded

    Shown = Mapping[str, Setting]


def main(argv: Sequence[str]) -> int:
    """Run the command; returns the exit status."""
    args = parser().parse(argv)
    if args.target:
        registry.target(args.target)  # complains if there is none
    loaded = open_file(args, args.file)
    try:
        pipelines = [choose(loaded, name) for name in ((args.pipeline,) if args.pipeline is not None else loaded.names)]
    except TranslationError as error:
        show(error.diagnostics, loaded.sources)
        return FAILED
    concerning = loaded.diagnostics.concerning(*(pipeline.name for pipeline in pipelines))
    show(concerning, loaded.sources, hush_notes=True, file=args.file)
    others = set(registry.names(registry.TARGETS)) - {args.target} if args.target else set()
    documents = [_document(pipeline, loaded, others) for pipeline in pipelines]
    if args.format == "json":
        print_json(documents)
    else:
        sys.stdout.write("\n".join("".join(f"{printable(line)}\n" for line in _lines(one)) for one in documents))
    return FAILED if is_bad(concerning, strict=False) else OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser(
        "config", "Show the effective settings of a pipeline file, and where each comes from.", page="configuration"
    )
    add_file(arguments)
    add_pipeline_arguments(arguments, target="")
    arguments.add_argument("--format", choices=("text", "json"), default="text", help="output format (default: text)")
    return arguments


def _document(pipeline: ir.Pipeline, loaded: Loaded, others: set[str]) -> dict[str, Any]:
    """Return what counts for a pipeline; settings of the targets ``others`` are left out."""
    resolved = resolve(loaded.config, pipeline)
    nodes = dict(walk_steps(pipeline.graph))

    def as_document(settings: Shown) -> dict[str, Any]:
        return {
            name: {
                "value": thawed(one.value),
                "file": loaded.config.file,
                "line": one.span.line,
                "column": one.span.column,
                "table": one.level,
            }
            for name, one in settings.items()
            if name.partition(".")[0] not in others
        }

    whole = settings_by_name(resolved.pipeline)
    return {
        "pipeline": pipeline.name,
        "place": pipeline.span.place,
        "file": loaded.config.file or None,
        "settings": as_document(whole),
        "nodes": {
            ".".join(path): {
                "step": nodes[path].step.name,
                "environment": nodes[path].step.request.environment,
                "settings": as_document(settings_by_name(settings)),
            }
            for path, settings in resolved.nodes.items()
        },
    }


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    """Write what counts for a pipeline as lines of text."""
    yield f"{document['pipeline']} ({document['place']}): {document['file'] or 'no translator.toml'}"
    whole = document["settings"]
    yield from _table(whole)
    for name, node in document["nodes"].items():
        own = {key: one for key, one in node["settings"].items() if whole.get(key) != one}
        environment = f", environment {node['environment']}" if node["environment"] else ""
        step = f"step {node['step']}{environment}"
        yield f"{name} ({step}){'' if own else ': as the pipeline'}"
        yield from _table(own)


def _table(settings: Mapping[str, Any]) -> Iterator[str]:
    """Write settings in columns: key, value, place and table."""
    rows = [
        (name, json.dumps(one["value"], ensure_ascii=False), f"{one['file']}:{one['line']}", f"[{one['table']}]")
        for name, one in settings.items()
    ]
    widths = [min(40, max(len(row[column]) for row in rows)) for column in range(3)] if rows else []
    for name, value, place, table in rows:
        yield f"  {name:<{widths[0]}}  {value:<{widths[1]}}  {place:<{widths[2]}}  {table}"
