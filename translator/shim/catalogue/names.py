"""Read the names of data, as Valohai writes them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

from translator.shim.errors import TranslatorError

Kind: TypeAlias = Literal["datum", "dataset", "model"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LATEST = "latest"
"""The alias of the version that was made last."""
_LONGEST = 200


class DataNameError(TranslatorError, ValueError):
    """A name of data that is not one; the message says what is wrong with it."""


class CatalogueError(TranslatorError):
    """A name that no catalogue knows, or a catalogue that cannot be used; the message says which and why."""


@dataclass(frozen=True, slots=True)
class DataName:
    """A name of data: of a datum (``version`` is empty), or of a version of a dataset or a model, or an alias of one.

    A ``version`` of a model may be empty where a step makes one: it gets the next number.
    """

    kind: Kind
    name: str
    version: str = ""

    def __str__(self) -> str:
        """Return the name as people write it."""
        return f"{self.kind}://{self.name}" + (f"/{self.version}" if self.kind != "datum" else "")

    def at(self, version: str) -> DataName:
        """Return the name of another version."""
        return replace(self, version=version)


def kind_of(uri: str) -> Kind | None:
    """Return the kind of data that an address names; None if it is a URI or a path."""
    scheme, separator, _ = uri.partition("://")
    scheme = scheme.strip().lower()
    return next((kind for kind in KINDS if separator and kind == scheme), None)


def parse(uri: str, *, new: bool = False) -> DataName:
    """Read a name of data.

    Args:
        uri: the name, such as ``dataset://images/latest``.
        new: whether it is given to new data: then a model's version may be left out.

    Raises:
        DataNameError: it is not one.
    """
    kind = kind_of(uri)
    if kind is None:
        raise DataNameError(f"{uri!r} is not a name of data: it begins with none of {_begins()}")
    name, separator, version = uri.strip().partition("://")[2].partition("/")
    wanted = "datum://ALIAS" if kind == "datum" else f"{kind}://NAME/VERSION"
    if kind == "datum":
        complete = bool(name) and not separator
    else:
        complete = bool(name) and (bool(version) or (new and kind == "model")) and "/" not in version
    if not complete:
        newest = f" (the newest version is {kind}://{name}/{LATEST})" if kind != "datum" and name else ""
        raise DataNameError(f"{uri!r} is not a name of data: write {wanted}{newest}")
    if new and version == LATEST:
        raise DataNameError(f"{uri!r} cannot be made: {LATEST!r} is the alias of the newest version")
    for part in (name, version):
        if not part.isprintable() or part != part.strip() or len(part) > _LONGEST:
            raise DataNameError(f"{uri!r} is not a name of data: a name has at most {_LONGEST} printable characters")
    return DataName(kind, name, version)


def _begins() -> str:
    return ", ".join(f"{kind}://" for kind in KINDS)
