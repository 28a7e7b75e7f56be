"""Write a small pipeline to start from (``translate init``)."""

from __future__ import annotations

import sys
from importlib.resources import as_file, files
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from translator import registry
from translator.cli.exit_status import FAILED, OK, UsageError
from translator.cli.parser import Parser
from translator.names import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from translator.dialects import Dialect

_EXAMPLE = "example"
"""The directory beside a dialect's module that contains its project."""
_CACHE = "__pycache__"


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status.

    Raises:
        UsageError: the language does not exist or has no example, or the files cannot be written.
    """
    args = parser().parse(argv)
    languages = {dialect.name: texts for dialect in registry.dialects() if (texts := _texts(dialect))}
    name = args.language.lower()
    if name not in languages:
        raise UsageError(f"there is no language {args.language!r}", did_you_mean(name, languages, "languages"))
    texts = languages[name]
    folder = Path(args.directory)
    there = [str(folder / file) for file in texts if (folder / file).exists() or (folder / file).is_symlink()]
    if there:
        exist = "already exists" if len(there) == 1 else "already exist"
        sys.stderr.write(f"translate: {', '.join(there)} {exist}; nothing was written\n")
        return FAILED
    try:
        for file, text in texts.items():
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            with (folder / file).open("xb") as written:
                written.write(text)
            sys.stdout.write(f"wrote {folder / file}\n")
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror}") from None
    sys.stdout.write(_next_steps(args.directory, registry.dialect(name), texts))
    return OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser(
        "init", "Write a small pipeline to start from. Existing files are never overwritten.", page="index"
    )
    known = ", ".join(registry.names(registry.DIALECTS))
    arguments.add_argument("language", metavar="LANGUAGE", help=f"source language: {known}")
    arguments.add_argument(
        "directory", metavar="DIR", nargs="?", default=".", help="directory to write to (default: the current one)"
    )
    return arguments


def _texts(dialect: Dialect) -> Mapping[str, bytes]:
    """Return the files of a dialect's example, by their paths in it."""
    with as_file(files(registry.module_of(dialect.name)) / _EXAMPLE) as example:
        return {
            file.relative_to(example).as_posix(): file.read_bytes()
            for file in sorted(example.rglob("*"))
            if file.is_file() and _CACHE not in file.parts
        }


def _path_word(directory: str) -> str:
    """Return a directory as a word that no command takes for an option."""
    return f"./{directory}" if directory.startswith("-") else directory


def _next_steps(directory: str, dialect: Dialect, texts: Mapping[str, bytes]) -> str:
    change = [] if Path(directory) == Path() else [f"cd {quote(_path_word(directory))}"]
    file = next(name for name in dialect.files if name in texts)
    steps = [*change, "translate check", "translate run", f"translate {file} --target airflow -o dags/"]
    return "\nnext steps:\n" + "".join(f"  {step}\n" for step in steps)
