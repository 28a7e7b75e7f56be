"""Parse the files of a run's inputs: ``--input NODE.INPUT=URI,URI`` and ``--inputs-file FILE``.

A path is relative to the current directory if a file is there, as shells complete it, else to the project; in a file of
inputs, to the directory of that file instead of the current one. Quote a URI that contains a comma with double quotes.
Loom's data, which has no node, is given as ``--input NAME=PATH``: it is the parameter ``data.NAME``.
"""

from __future__ import annotations

import csv
import glob
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from translator import ir
from translator.cli.param_option import only_node, split
from translator.launch_inputs import all_launch_inputs, required
from translator.names import did_you_mean
from translator.source import read_file

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from translator.diagnostics import Diagnostics, SourceText
    from translator.source import Located
    from translator.span import Span

CODE = "bad-input"
_DATA = "data."
_WILD = ("*", "?")


def add_arguments(parser: ArgumentParser) -> None:
    """Declare ``--input`` and ``--inputs-file``."""
    parser.add_argument(
        "--input",
        action="append",
        default=[],
        metavar="NODE.INPUT=URI[,URI...]",
        help="give an input its files for this run, in place of its default (repeatable)",
    )
    parser.add_argument(
        "--inputs-file", metavar="FILE", help="YAML file with files of inputs by NODE.INPUT; --input wins"
    )


def files(  # noqa: PLR0913, PLR0917 - all that inputs can have their files from
    pipeline: ir.Pipeline,
    texts: Iterable[str],
    file: str | None,
    sources: dict[str, SourceText],
    diagnostics: Diagnostics,
    earlier: Mapping[str, ir.Value] | None = None,
) -> dict[str, ir.Value]:
    """Read the files of inputs, as values of a run by the names in an engine's form.

    Args:
        pipeline: the pipeline to run.
        texts: the arguments of ``--input``.
        file: the argument of ``--inputs-file``.
        sources: receives the text of the file.
        diagnostics: receives unknown names, bad values, and inputs that the run lacks.
        earlier: the files in an earlier run, by the names in an engine's form, for the inputs that get no others.
    """
    known = _known(pipeline)
    own = names(pipeline)
    values = {name: value for name, value in (earlier or {}).items() if name in own}
    values |= {} if file is None else _of_file(Path(file), known, sources, diagnostics, pipeline)
    in_options: set[str] = set()
    for text in texts:
        name, equals, value = split(text, known)
        if not equals:
            diagnostics.error(CODE, f"--input {text}: expected NODE.INPUT=URI", None)
        elif name not in known:
            _unknown(f"--input {name}", name, known, pipeline, None, diagnostics)
        elif known[name] in in_options:
            diagnostics.error(CODE, f"--input {name} is given twice", None, hint="separate URIs with commas")
        else:
            in_options.add(known[name])
            try:
                uris = [uri.strip() for row in csv.reader([value], strict=True) for uri in row if uri.strip()]
            except csv.Error as error:
                diagnostics.error(CODE, f"--input {name}: not a list of URIs: {error}", None)
                continue
            if uris:
                values[known[name]] = _value(known[name], uris, Path())
            else:
                diagnostics.error(CODE, f"--input {name}: expected at least one URI", None)
    for one in required(pipeline) if diagnostics.ok else ():
        if one.key not in values:
            message = f"the run needs files for the input {one.name!r}, which has no edge and no default"
            diagnostics.error(CODE, message, one.input.span, hint=f"add --input {quote(f'{one.name}=URI')}")
    return values


def names(pipeline: ir.Pipeline) -> Collection[str]:
    """Return the names in an engine's form of the inputs whose files can be given."""
    return frozenset(_known(pipeline).values())


def _known(pipeline: ir.Pipeline) -> dict[str, str]:
    """Return the names in an engine's form of everything that can be given, by what people write."""
    names = {one.name: one.key for one in all_launch_inputs(pipeline)}
    names |= {whole: whole for whole in list(names.values()) if whole not in names}
    data = (one.name for one in pipeline.parameters if one.section is not None and one.name.startswith(_DATA))
    names |= {name.removeprefix(_DATA): name for name in data}
    return names | {name: names[whole] for name, whole in only_node(pipeline, names).items()}


def _unknown(  # noqa: PLR0913, PLR0917 - all that the message says
    label: str,
    name: str,
    input_keys: Mapping[str, str],
    pipeline: ir.Pipeline,
    place: Span | None,
    diagnostics: Diagnostics,
) -> None:
    ends = (edge.target for edge in pipeline.edges if edge.target.kind is ir.EdgeKind.INPUT)
    end = next((end for end in ends if f"{end.node}.{end.key}" == name), None)
    if end is not None:
        hint = f"to add files to theirs, set 'edge-merge-mode: append' for node {end.node!r}"
        diagnostics.error(CODE, f"{label}: edges replace all other files of this input", place, hint=hint)
        return
    nearest = did_you_mean(name, input_keys, "inputs") or "no input of this pipeline can be given"
    diagnostics.error(CODE, f"{label}: there is no input {name!r}", place, hint=nearest)


def _of_file(
    path: Path,
    input_keys: Mapping[str, str],
    sources: dict[str, SourceText],
    diagnostics: Diagnostics,
    pipeline: ir.Pipeline,
) -> dict[str, ir.Value]:
    """Read a file of inputs: URIs by ``NODE.INPUT``, or by input below each node."""
    root = read_file(path, sources, diagnostics)
    if root is None or root.value is None:
        return {}
    if root.entries is None:
        diagnostics.error(CODE, "a file of inputs must be a mapping of URIs by NODE.INPUT", root.span)
        return {}
    values: dict[str, ir.Value] = {}
    for written, entry, place in _entries(root):
        if written not in input_keys:
            _unknown(written, written, input_keys, pipeline, place, diagnostics)
        elif input_keys[written] in values:
            diagnostics.error(CODE, f"{written} is given twice", place)
        elif (uris := _uris(entry)) is None:
            diagnostics.error(CODE, f"{written}: expected a URI, or a list of URIs", entry.span)
        else:
            values[input_keys[written]] = _value(input_keys[written], uris, path.parent)
    return values


def _entries(root: Located) -> Iterable[tuple[str, Located, Span]]:
    for outer, entry in (root.entries or {}).items():
        if entry.entries is None:
            yield str(outer), entry, root.key_span(outer)
        else:
            for inner, below in entry.entries.items():
                yield f"{outer}.{inner}", below, entry.key_span(inner)


def _uris(entry: Located) -> list[str] | None:
    listed = entry.value if isinstance(entry.value, list) else [entry.value]
    return listed if listed and all(isinstance(uri, str) and uri for uri in listed) else None


def _value(name: str, uris: Sequence[str], folder: Path) -> ir.Value:
    if name.startswith(_DATA):
        return ",".join(uris)
    return tuple(_placed(uri, folder) for uri in uris)


def _placed(uri: str, folder: Path) -> str:
    """Return a URI; a path becomes absolute if there is a file, or a match of its pattern, in ``folder``."""
    if "://" in uri or Path(uri).is_absolute():
        return uri
    path = folder / uri
    pattern = any(char in uri for char in _WILD)
    # Path.glob does not know every pattern of Valohai, such as **.csv.
    try:
        there = bool(glob.glob(str(path), recursive=True)) if pattern else path.is_file()  # noqa: PTH207
    except (OSError, ValueError):  # such as a name that is too long: the project will not have it either
        there = False
    return str(path.absolute()) if there else uri
