"""Read the names of data in a configuration file, on the worker, when an execution looks one up.

::

    [catalogue]
    file = "catalogue.toml"             # instead: its own file, with the same tables without "catalogue."
    resolvers = ["company"]             # entry points of the group "translator.resolvers", asked in this order

    [catalogue.names]
    "datum://production-model" = "s3://models/churn/model.pkl"
    "dataset://images/v1" = ["s3://data/images/v1/*.jpg", "s3://data/images/labels.csv"]
    "dataset://images/latest" = "dataset://images/v1"

    [catalogue.environments.staging]    # counts before "names" if TRANSLATOR_ENVIRONMENT is "staging"
    "datum://production-model" = "s3://models-staging/churn/model.pkl"

The compiler validates the same tables with places (``translator.config.catalogue``).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from translator.shim.catalogue.names import CatalogueError, DataNameError, parse
from translator.shim.variables import ENVIRONMENT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

TABLE = "catalogue"
FILE, RESOLVERS, NAMES, ENVIRONMENTS = "file", "resolvers", "names", "environments"
KEYS = (FILE, RESOLVERS, NAMES, ENVIRONMENTS)
PROJECT = "pyproject.toml"
PROJECT_TABLE = "pipeline-translator"
"""The table below ``tool`` in ``pyproject.toml`` that may hold the configuration."""
_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class Configured:
    """The names of a configuration in one environment: what each stands for, and the resolvers for others."""

    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    resolvers: Sequence[str] = ()
    environment: str | None = None


def read(file: Path) -> Configured:
    """Read the names in a configuration file, for the environment that ``TRANSLATOR_ENVIRONMENT`` names.

    Args:
        file: ``translator.toml``, or a ``pyproject.toml`` with our table.

    Raises:
        CatalogueError: it cannot be read, or says something that cannot be.
    """
    document: Mapping[str, Any] = _parsed(file)
    if file.name == PROJECT:
        document = _table(_table(document, "tool", file), PROJECT_TABLE, file)
    table = _table(document, TABLE, file)
    if FILE in table:
        own = file.parent / _text(table[FILE], FILE, file)
        table = {**_parsed(own), **{key: value for key, value in table.items() if key == RESOLVERS}}
        file = own
    environment = os.environ.get(ENVIRONMENT) or None
    names = _names(_table(table, NAMES, file), file)
    by_environment = _table(table, ENVIRONMENTS, file)
    if environment is not None and by_environment:
        if environment not in by_environment:
            known = ", ".join(sorted(by_environment))
            raise CatalogueError(
                f"{ENVIRONMENT} is {environment!r}, but {file} has no such environment; it has: {known}"
            )
        names |= _names(_table(by_environment, environment, file), file)
    listed = table.get(RESOLVERS, [])
    if not isinstance(listed, list):
        raise CatalogueError(f"{file}: {RESOLVERS!r} must be a list of names")
    return Configured(names, [_text(one, RESOLVERS, file) for one in listed], environment)


def _names(table: Mapping[str, Any], file: Path) -> dict[str, Sequence[str]]:
    names: dict[str, Sequence[str]] = {}
    for written, value in table.items():
        uris = value if isinstance(value, list) else [value]
        if not uris or not all(isinstance(uri, str) and uri for uri in uris):
            raise CatalogueError(f"{file}: {written!r} must be a URI or a list of URIs")
        try:
            names[str(parse(written))] = uris
        except DataNameError as error:
            raise CatalogueError(f"{file}: {error}") from None
    return names


def _parsed(file: Path) -> dict[str, Any]:
    import tomllib  # the compiler needs the names of the keys only

    try:
        with file.open("rb") as stream:
            content = stream.read(_LIMIT + 1)
        if len(content) > _LIMIT:
            raise CatalogueError(f"the catalogue {file} has more than {_LIMIT} bytes")
        return tomllib.loads(content.decode("utf-8"))
    except OSError as error:
        raise CatalogueError(f"the catalogue {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CatalogueError(f"the catalogue {file} cannot be read: it is not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise CatalogueError(f"the catalogue {file} is not TOML: {error}") from None


def _table(above: Mapping[str, Any], key: str, file: Path) -> Mapping[str, Any]:
    table = above.get(key, {})
    if not isinstance(table, dict):
        raise CatalogueError(f"{file}: {key!r} must be a table")
    return table


def _text(value: object, key: str, file: Path) -> str:
    if not isinstance(value, str) or not value:
        raise CatalogueError(f"{file}: {key!r} must be a string, not {value!r}")
    return value
