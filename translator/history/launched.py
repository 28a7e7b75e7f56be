"""Record with which options ``translate run`` started a run, so that ``--resume`` need not be given them again.

Values that are probably secrets are not recorded, only the names of their parameters.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeGuard

from translator.shim.json_values import frozen, thawed
from translator.shim.masking import is_sensitive
from translator.shim.masking.uris import at_uris, redact
from translator.shim.store import StoreError, key_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.ir import Value
    from translator.shim.store import Store

LAUNCH = "launch.json"
"""The file in a run's directory with the options that started the run."""


@dataclass(frozen=True, slots=True)
class Options:
    """The options that started a run.

    ``values`` has those of parameters by ``NAME`` or ``NODE.PARAMETER``, and of inputs by their names in the forms of
    engines. ``grid`` has the texts of ``--grid``, ``reuse`` the patterns of ``--reuse``; None is ``--no-reuse``.
    ``withheld`` are the names of values that are probably secrets.
    """

    values: Mapping[str, Value] = field(default_factory=dict)
    grid: Sequence[str] = ()
    tries: int | None = None
    reuse: Sequence[str] | None = ()
    withheld: Sequence[str] = ()


def write(store: Store, pipeline: str, run: str, options: Options) -> None:
    """Record the options of a run, without secrets.

    Raises:
        StoreError: the store cannot be written.
    """
    withheld = {name for name, value in options.values.items() if _is_secret(name, value)}
    grid = [text for text in options.grid if not _is_secret(text.partition("=")[0], text)]
    withheld |= {text.partition("=")[0] for text in options.grid if text not in grid}
    document = {
        "values": {name: thawed(value) for name, value in options.values.items() if name not in withheld},
        "grid": grid,
        "tries": options.tries,
        "reuse": None if options.reuse is None else list(options.reuse),
        "withheld": sorted(withheld),
    }
    store.write_json(key_of(pipeline, run, name=LAUNCH), document)


def read(store: Store, pipeline: str, run: str) -> Options | None:
    """Return the options of a run; None if ``translate run`` of this version did not start it.

    Raises:
        StoreError: the record cannot be read, or is damaged.
    """
    key = key_of(pipeline, run, name=LAUNCH)
    try:
        document = store.read_json(key)
    except FileNotFoundError:
        return None
    options = _options(document)
    if options is None:
        raise StoreError(f"{store.uri(key)} does not have the options of a run")
    return options


def _options(document: Any) -> Options | None:
    """Return the options that a document has; None if it is damaged."""
    if not isinstance(document, dict):
        return None
    values, tries, reuse = document.get("values"), document.get("tries"), document.get("reuse", False)
    grid, withheld = document.get("grid"), document.get("withheld")
    if not isinstance(values, dict) or not _are_texts(grid) or not _are_texts(withheld) or isinstance(tries, bool):
        return None
    if not (tries is None or (isinstance(tries, int) and tries > 0)) or not (reuse is None or _are_texts(reuse)):
        return None
    patterns = tuple(reuse) if reuse is not None else None
    frozen_values = {str(name): frozen(value) for name, value in values.items()}
    return Options(frozen_values, tuple(grid), tries, patterns, tuple(withheld))


def _are_texts(value: object) -> TypeGuard[list[str]]:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _is_secret(name: str, value: Value) -> bool:
    """Return whether a value is probably a secret: by its name, or because it has a URI with credentials."""
    own = name.rpartition(".")[2]
    return is_sensitive(own) or any(redact(uri) != uri for text in _strings(value) for uri in at_uris(text))


def _strings(value: Value) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _strings(one)
