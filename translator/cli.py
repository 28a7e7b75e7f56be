"""The ``translate`` command.

The first argument is a command if it is ``check``, ``run`` or ``explain``; anything else is a file to translate, so a
file of one of these names is written with its folder: ``./check``. Exit status: 0 if all is well, 1 if there are
errors (or warnings with ``--strict``), 2 on bad usage.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from translator import __version__, diagnostics, registry
from translator.diagnostics import Diagnostic, Diagnostics, Severity, SourceText, TranslationError
from translator.errors import TranslatorError
from translator.options import (
    FAILED,
    OK,
    USAGE,
    UsageError,
    add_pipeline_arguments,
    choose,
    colorful,
    open_file,
    project_of,
    show,
    which_pipeline,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from translator.ir import Pipeline
    from translator.load import Loaded
    from translator.targets import Target

_INTERRUPTED = 130

_DESCRIPTION = """\
Translate the ML pipelines of a file into workflows of another engine.

commands:
  translate FILE --target T          write the source of the workflow
  translate check FILE...            say what is wrong with a pipeline file
  translate run FILE --target T      translate and run
  translate explain FILE             what would happen if executions fail
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status.

    Args:
        argv: the arguments after the program's name; those of the process by default.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _open_streams()
    try:
        status = _status(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # whoever read the output has gone
        _drop_output()
        return FAILED
    except OSError as error:
        _complain(diagnostics.printable(f"{error.filename or 'the output'}: {error.strerror or error}"))
        _drop_output()
        return FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED
    return status


def _status(arguments: Sequence[str]) -> int:
    command = _COMMANDS.get(arguments[0]) if arguments else None
    try:
        return command(arguments[1:]) if command else _translate(arguments)
    except TranslatorError as error:
        _complain(str(error))
        return USAGE
    except SystemExit as stop:  # argparse has printed its help or what is wrong
        return stop.code if isinstance(stop.code, int) else USAGE


def _open_streams() -> None:
    """Make the standard streams take whatever is printed: they may be closed, or a locale's."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until we end
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name may have letters that the locale lacks


def _complain(message: str) -> None:
    with contextlib.suppress(OSError):
        sys.stderr.write(f"translate: {message}\n")
        sys.stderr.flush()


def _drop_output() -> None:
    """Python's own flush at exit must not complain about what could not be written."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
            stream.flush()
            continue
        with contextlib.suppress(OSError, ValueError, io.UnsupportedOperation):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _translate(argv: Sequence[str]) -> int:
    args = _translate_parser().parse_args(argv)
    if args.target is None:
        raise UsageError(f"choose an engine with --target: {', '.join(registry.names(registry.TARGETS))}")
    target = registry.target(args.target)
    loaded = open_file(args, args.file)
    names = _selected(loaded, args)
    _check_names(names, target, args)
    found = Diagnostics(list(loaded.diagnostics.found))
    texts: list[tuple[Path, str]] = []
    bad = _bad_pipelines(found.found, strict=args.strict)
    for name in names:
        try:
            pipeline = choose(loaded, name, grid=args.grid, tries=args.tries)
        except TranslationError:
            continue
        about, known = found.about(pipeline.name), len(found.found)
        _check_again(pipeline, args, target, about)
        if not (bad | _bad_pipelines(found.found[known:], strict=args.strict)) & {None, name}:
            texts += _generated(pipeline, target, args, about, texts)
    chosen = found.concerning(*names) if names else found
    show(chosen, loaded.sources, hush_notes=True, file=args.file)
    if not names and not _bad(chosen, strict=False):
        sys.stderr.write(f"translate: {args.file} has no pipeline\n")
    if not texts:
        return FAILED
    status = _deliver(texts, target, args)
    return FAILED if _bad(chosen, strict=args.strict) else status


def _selected(loaded: Loaded, args: argparse.Namespace) -> tuple[str, ...]:
    """The names of the pipelines to translate."""
    from translator.output import is_folder

    if args.pipeline is not None:
        if loaded.names and args.pipeline not in loaded.names:
            raise UsageError(which_pipeline(loaded, args.pipeline))
        return (args.pipeline,)
    if len(loaded.names) > 1 and (args.output is None or not is_folder(args.output) or args.grid):
        raise UsageError(which_pipeline(loaded, None, folder=not args.grid))
    return loaded.names


def _check_again(pipeline: Pipeline, args: argparse.Namespace, target: Target | None, found: Diagnostics) -> None:
    """Check what ``--grid`` made of a pipeline, and what the engine cannot carry."""
    known = len(found.found)  # a pipeline that was chosen has no errors so far
    if args.grid:
        from translator.checks import check

        check(pipeline, found, project=project_of(args, args.file))
    if target is not None and not _bad(found.found[known:], strict=False):
        target.check(pipeline, found)


def _generated(
    pipeline: Pipeline, target: Target, args: argparse.Namespace, found: Diagnostics, others: Iterable[tuple[Path, str]]
) -> list[tuple[Path, str]]:
    """Return the file to write with its text, as if it were written here without ``-o``; nothing if there is none.

    Args:
        pipeline: the pipeline.
        target: the engine to write it for.
        args: the options.
        found: receives what the engine cannot carry.
        others: the files that are to be written already.
    """
    from translator.output import destination, project_from
    from translator.targets import GenerateOptions

    written = _named(pipeline, args)
    name = target.file_name(written)
    file = destination(args.output, name) if args.output else Path(name)
    if any(file == other for other, _ in others):
        raise UsageError(f"two pipelines would be written to {file}; choose one with --pipeline")
    try:
        options = GenerateOptions(
            project=project_from(file, project_of(args, args.file)),
            source=project_from(file, Path(args.file)),
            pipeline=pipeline.name,
            dag_id=args.dag_id,
        )
        return [(file, target.generate(written, options))]
    except TranslationError as error:
        for diagnostic in error.diagnostics:
            found.add(diagnostic)
    return []


def _named(pipeline: Pipeline, args: argparse.Namespace) -> Pipeline:
    """The pipeline under the name that it is written with."""
    name = args.dag_id or args.flow_name or f"{args.prefix}{pipeline.name}"
    return pipeline if name == pipeline.name else replace(pipeline, name=name)


def _check_names(names: Sequence[str], target: Target, args: argparse.Namespace) -> None:
    """Check the options that name what is written.

    Raises:
        UsageError: they do not go with the target, with each other, or with several pipelines.
    """
    if not args.prefix.isprintable():
        raise UsageError("--prefix takes printable characters only")
    for option, name in (("--dag-id", args.dag_id), ("--flow-name", args.flow_name)):
        if name is None:
            continue
        if option != target.NAMED_BY:
            raise UsageError(f"{option} is not for {target.NAME}; use {target.NAMED_BY}")
        if args.prefix:
            raise UsageError(f"give {option} or --prefix, not both")
        if len(names) > 1:
            raise UsageError(f"{option} names one pipeline; choose it with --pipeline, or use --prefix")
        reason = target.bad_name(name)
        if reason is not None:
            raise UsageError(f"{option} {name}: {reason}")


def _deliver(texts: Sequence[tuple[Path, str]], target: Target, args: argparse.Namespace) -> int:
    if args.output is None:
        _print_utf8("".join(text for _, text in texts))
        return OK
    from translator.output import OutputError, refuse_twin, write
    from translator.targets.render import MARKER

    status = OK
    for file, text in texts:
        try:
            refuse_twin(file, text, target.IDENTITY, marker=MARKER)
            write(file, text, marker=MARKER, force=args.force)
        except OutputError as error:
            sys.stderr.write(f"translate: {error}\n")
            status = FAILED
        else:
            sys.stdout.write(f"wrote {file}\n")
    return status


def _print_utf8(text: str) -> None:
    """Python source, JSON and SARIF are UTF-8, whatever the locale is."""
    sys.stdout.flush()
    buffer = getattr(sys.stdout, "buffer", None)
    if buffer is None:
        sys.stdout.write(text)
    else:
        # In JSON the escape of half a character, which a file's name may have, is that of JSON itself.
        buffer.write(text.encode("utf-8", "backslashreplace"))
        buffer.flush()


def _check(argv: Sequence[str]) -> int:
    args = _check_parser().parse_args(argv)
    target = registry.target(args.target) if args.target else None
    everything: list[Diagnostic] = []
    sources: dict[str, SourceText] = {}
    for file in args.files:
        found, texts = _check_file(file, args, target)
        everything.extend(_by_path(found, texts))
        sources.update({text.path: text for text in texts.values()})
        if args.format == "text":
            color = colorful(sys.stdout)
            sys.stdout.write(diagnostics.text(_by_path(found, texts), sources, color=color) + _summary(file, found))
    if args.format == "json":
        _print_utf8(diagnostics.as_json(everything, sources))
    elif args.format == "sarif":
        _print_utf8(diagnostics.sarif(everything, sources, version=__version__))
    return FAILED if _bad(everything, strict=args.strict) else OK


def _check_file(
    file: str, args: argparse.Namespace, target: Target | None
) -> tuple[list[Diagnostic], Mapping[str, SourceText]]:
    loaded = open_file(args, file)
    found = Diagnostics(list(loaded.diagnostics.found))
    shaping = argparse.Namespace(file=file, grid=args.grid, project=args.project)
    for name in loaded.names if args.pipeline is None and not args.grid else (args.pipeline,):
        try:
            pipeline = choose(loaded, name, grid=args.grid, tries=args.tries)
        except TranslationError:
            continue
        _check_again(pipeline, shaping, target, found.about(pipeline.name))
    concerning = found if args.pipeline is None else found.concerning(args.pipeline)
    return concerning.sorted(), loaded.sources


def _by_path(found: Iterable[Diagnostic], sources: Mapping[str, SourceText]) -> list[Diagnostic]:
    """Findings whose spans name the path, since several files may share a name."""
    from dataclasses import replace

    return [
        replace(d, span=replace(d.span, file=sources[d.span.file].path)) if d.span and d.span.file in sources else d
        for d in found
    ]


def _summary(file: str, found: Sequence[Diagnostic]) -> str:
    counts = {severity: sum(d.severity is severity for d in found) for severity in Severity}
    listed = ", ".join(f"{n} {severity}{'s' if n > 1 else ''}" for severity, n in counts.items() if n)
    return f"{file}: {listed or 'nothing to report'}\n"


def _run(argv: Sequence[str]) -> int:
    from translator import run

    parser = argparse.ArgumentParser(prog="translate run", description="Translate a pipeline and run it on its engine.")
    run.add_arguments(parser)
    return int(run.main(parser.parse_args(argv)))


def _explain(argv: Sequence[str]) -> int:
    from translator import explain

    description = "Say which state every node and the run would end in."
    parser = argparse.ArgumentParser(prog="translate explain", description=description)
    explain.add_arguments(parser)
    return int(explain.main(parser.parse_args(argv)))


_COMMANDS: dict[str, Callable[[Sequence[str]], int]] = {"check": _check, "run": _run, "explain": _explain}


def _translate_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="translate",
        description=_DESCRIPTION,
        epilog="A file that is called like a command is written with its folder: ./check",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", metavar="FILE", help="the pipeline file, e.g. valohai.yaml")
    add_pipeline_arguments(parser, target_required=False)
    parser.add_argument(
        "--output", "-o", metavar="PATH", help="the folder or .py file to write to (default: the standard output)"
    )
    parser.add_argument("--force", action="store_true", help="replace files that were not generated from this pipeline")
    parser.add_argument("--dag-id", metavar="ID", help="the DAG's id (default: the pipeline's name as an identifier)")
    parser.add_argument("--flow-name", metavar="NAME", help="the flow's name (default: the pipeline's name)")
    parser.add_argument("--prefix", metavar="TEXT", default="", help="put TEXT before the name of every pipeline")
    parser.add_argument("--strict", action="store_true", help="treat warnings as errors")
    parser.add_argument("--version", action="version", version=f"translate {__version__}")
    return parser


def _check_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="translate check", description="Say what is wrong with pipeline files.")
    parser.add_argument("files", metavar="FILE", nargs="+", help="pipeline files, e.g. valohai.yaml")
    add_pipeline_arguments(parser, target_required=False)
    parser.add_argument("--format", choices=("text", "json", "sarif"), default="text", help="how to say it (text)")
    parser.add_argument("--strict", action="store_true", help="exit with 1 on warnings, too")
    return parser


def _bad_pipelines(found: Iterable[Diagnostic], *, strict: bool) -> set[str | None]:
    """The pipelines that are not to be written; None if it is the whole file."""
    return {d.pipeline for d in found if _bad([d], strict=strict)}


def _bad(found: Iterable[Diagnostic], *, strict: bool) -> bool:
    bad = (Severity.ERROR, Severity.WARNING) if strict else (Severity.ERROR,)
    return any(d.severity in bad for d in found)


if __name__ == "__main__":
    sys.exit(main())
