"""Define ``--store`` and the other options of commands that read past runs."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from translator.cli.exit_status import UsageError
from translator.shim import variables

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from translator.config import Config
    from translator.history.records import Execution
    from translator.history.runs import Run
    from translator.shim.store import Store

STORE = "artifacts"
"""The default store: a directory below the current one."""
_BLOCKS = "artifact-store/"
"""What a value of ``TRANSLATOR_STORE`` begins with if it names a block of Prefect."""
RUN_HELP = "run id, the beginning of one, or 'latest' (default)"


def add_store(parser: argparse.ArgumentParser) -> None:
    """Add ``--store``."""
    where = "artifact store: a directory, or a URI such as s3://bucket/prefix"
    default = f"(default: ${variables.STORE}, else the store in translator.toml, else ./{STORE})"
    parser.add_argument("--store", metavar="URI", help=f"{where} {default}")


def add_history(parser: argparse.ArgumentParser) -> None:
    """Add the options of commands that read past runs: ``--store``, ``--pipeline``, ``--format``."""
    add_store(parser)
    parser.add_argument("--pipeline", "-p", metavar="NAME", help="only runs of this pipeline")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="output format (default: text)")


def make_default_store(option: str | None, setting: str | None) -> None:
    """Make the default store, out of sight of Git, if it counts and does not exist; ``open_chosen`` reports faults."""
    if option or os.environ.get(variables.STORE) or setting:
        return
    with contextlib.suppress(OSError):
        Path(STORE).mkdir()
        (Path(STORE) / ".gitignore").write_text("*\n", encoding="utf-8")


def open_chosen(option: str | None, setting: str | None) -> tuple[str, Store]:
    """Open the store that an option names, else ``TRANSLATOR_STORE``, a setting or the default.

    Returns:
        its URI or absolute path, and the store.

    Raises:
        UsageError: it cannot be opened.
    """
    from translator.shim.masking.uris import redact
    from translator.shim.store import StoreError, open_store

    variable = os.environ.get(variables.STORE)
    chosen_by = "--store" if option else variables.STORE if variable else None
    wanted = option or variable or setting or STORE
    if chosen_by == variables.STORE and wanted.startswith(_BLOCKS):
        raise UsageError(
            f"{variables.STORE} names a block of Prefect ({wanted}), which this command cannot read",
            "give the store's address with --store",
        )
    uri = wanted if "://" in wanted else str(Path(wanted).absolute())
    try:
        return uri, open_store(uri)
    except (StoreError, ValueError, ImportError, OSError) as error:
        shown, where = redact(wanted), chosen_by or "the store"
        named = where if shown in str(error) and chosen_by else f"{where} {shown}"
        raise UsageError(str(error) if str(error).startswith(named) else f"{named}: {error}") from None


def store_of(args: argparse.Namespace) -> Store:
    """Open the store that the options of ``add_history`` choose.

    Raises:
        UsageError: it cannot be opened.
    """
    return open_chosen(args.store, None if args.store else store_in_configuration(configuration(), args.pipeline))[1]


def configuration() -> Config:
    """Return the configuration that counts for the current directory, without what is wrong with it."""
    from translator.config import NO_CONFIG, configured
    from translator.diagnostics import Diagnostics, TooManyErrors

    try:
        # Commands that read past runs need neither the keys of targets nor what is wrong with the file.
        return configured(Path.cwd(), None, dict, Diagnostics()).config
    except TooManyErrors:
        return NO_CONFIG


def store_in_configuration(config: Config, pipeline: str | None) -> str | None:
    """Return the store that a configuration names, for a pipeline or for all."""
    from translator.config.apply import store_in
    from translator.config.resolve import settings_of_pipeline

    return store_in(settings_of_pipeline(config, pipeline))


def run_of(args: argparse.Namespace, name: str) -> tuple[Store, Run]:
    """Return the run that an argument names, and its store.

    Args:
        args: the options of ``add_history``.
        name: what ``translator.history.runs.find`` takes, or the path of a run's directory or of its ``run.json``.

    Raises:
        HistoryError: the run does not exist.
        StoreError: the store cannot be read.
        UsageError: the store cannot be opened.
    """
    from translator.history.runs import find

    path = Path(name)
    folder = path.parent if path.name == "run.json" else path
    if ("/" in name or path.name == "run.json") and (folder / "run.json").is_file():
        folder = folder.resolve()
        _, store = open_chosen(str(folder.parent.parent), None)
        return store, find(store, folder.name, folder.parent.name)
    store = store_of(args)
    return store, find(store, name, args.pipeline)


def add_run_and_node(parser: argparse.ArgumentParser) -> None:
    """Add the arguments ``RUN`` and ``NODE`` and the options of ``add_history``."""
    parser.add_argument("run", metavar="RUN", nargs="?", help=RUN_HELP)
    which = "node, or one of its executions: NODE[1] or NODE.1 (default: all); without RUN, of the latest run"
    parser.add_argument("node", metavar="NODE", nargs="?", help=which)
    add_history(parser)


def chosen(args: argparse.Namespace) -> tuple[Store, Run, Sequence[Execution]]:
    """Return the store, the run and the executions that ``RUN`` and ``NODE`` choose.

    A single argument may also be a node of the latest run.

    Raises:
        HistoryError: the run, node or execution does not exist.
        StoreError: the store cannot be read.
        UsageError: the store cannot be opened.
    """
    from translator.history.runs import HistoryError
    from translator.history.selection import select
    from translator.shim.contract import LATEST

    if args.run is not None and args.node is None:
        try:
            store, run = run_of(args, args.run)
        except HistoryError as error:
            store, run = run_of(args, LATEST)
            try:
                return store, run, select(run.record, args.run)
            except HistoryError:
                raise error from None
        return store, run, select(run.record, None)
    store, run = run_of(args, args.run or LATEST)
    return store, run, select(run.record, args.node)
