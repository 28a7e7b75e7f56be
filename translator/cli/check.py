"""Report what is wrong with pipeline files (``translate check``)."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from translator import __version__, diagnostics, registry
from translator.checks.schedules import check_schedule
from translator.cli.exit_status import FAILED, OK, UsageError
from translator.cli.parser import Parser
from translator.cli.pipeline_options import (
    FILE_HELP,
    STDIN,
    add_pipeline_arguments,
    check_again,
    choose,
    open_file,
    path_of,
    pipeline_file,
)
from translator.cli.printing import colorful, is_bad, print_utf8
from translator.config.node_runners import node_runners
from translator.diagnostics import Diagnostic, Severity, SourceText, TranslationError, printable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from translator.load import Loaded
    from translator.targets import Target


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Raises:
        UsageError: the standard input is named twice.
    """
    args = parser().parse(argv)
    if args.files.count(STDIN) > 1:
        raise UsageError("- stands for the standard input, which can be read only once")
    target = registry.target(args.target) if args.target else None
    everything: list[Diagnostic] = []
    sources: dict[str, SourceText] = {}
    for file in args.files or [pipeline_file(".")]:
        loaded = open_file(args, file)
        file_findings, texts = _check_file(loaded, args, target)
        everything.extend(_by_path(file_findings, texts))
        sources.update({text.path: text for text in texts.values()})
        if args.format == "text":
            color = colorful(sys.stdout)
            shown = diagnostics.text(_by_path(file_findings, texts), sources, color=color)
            sys.stdout.write(shown + _summary(str(path_of(args, file)), file_findings) + _runners(loaded, args, target))
    if args.format == "json":
        print_utf8(diagnostics.as_json(everything, sources))
    elif args.format == "sarif":
        from translator.cli.docs import page_uri

        print_utf8(diagnostics.sarif(everything, sources, version=__version__, codes_uri=page_uri("codes")))
    elif args.format == "github":
        print_utf8(diagnostics.github(everything, sources))
    return FAILED if is_bad(everything, strict=args.strict) else OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("check", "Report problems in pipeline files.", page="diagnostics")
    arguments.add_argument("files", metavar="FILE", nargs="*", type=pipeline_file, help=FILE_HELP)
    add_pipeline_arguments(arguments, target="")
    arguments.add_argument(
        "--format",
        choices=("text", "json", "sarif", "github"),
        default="text",
        help="output format (default: text)",
    )
    arguments.add_argument("--strict", action="store_true", help="treat warnings as errors")
    return arguments


def _check_file(
    loaded: Loaded, args: argparse.Namespace, target: Target | None
) -> tuple[list[Diagnostic], Mapping[str, SourceText]]:
    diagnostics = loaded.diagnostics.copy()
    for name in loaded.names if args.pipeline is None and not args.grid else (args.pipeline,):
        try:
            pipeline = choose(loaded, name, grid=args.grid, tries=args.tries)
        except TranslationError:
            continue
        about = diagnostics.about(pipeline.name)
        check_schedule(pipeline, about)
        check_again(pipeline, loaded, args.grid, target, about)
    concerning = diagnostics if args.pipeline is None else diagnostics.concerning(args.pipeline)
    return concerning.sorted(), loaded.sources


def _by_path(diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceText]) -> list[Diagnostic]:
    """Return the findings with the path in their spans, because several files may share a name."""
    return [
        replace(d, span=replace(d.span, file=sources[d.span.file].path)) if d.span and d.span.file in sources else d
        for d in diagnostics
    ]


def _runners(loaded: Loaded, args: argparse.Namespace, target: Target | None) -> str:
    """Say where each node runs, if there is a configuration that could say it."""
    if not loaded.config.file:
        return ""
    targets = {one.NAME: one.SETTINGS for one in ((target,) if target else registry.targets())}
    chosen = [one for one in loaded.pipelines if args.pipeline in (None, one.name)]
    lines = [f"{pipeline.name}, {line}" for pipeline in chosen for line in node_runners(pipeline, targets)]
    return "".join(f"  {printable(line)}\n" for line in lines)


def _summary(file: str, diagnostics: Sequence[Diagnostic]) -> str:
    counts = {severity: sum(d.severity is severity for d in diagnostics) for severity in Severity}
    listed = ", ".join(f"{n} {severity}{'s' if n > 1 else ''}" for severity, n in counts.items() if n)
    return f"{file}: {listed or 'nothing to report'}\n"
