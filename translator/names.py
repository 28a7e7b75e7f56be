"""Turn the names of a pipeline file into Python identifiers.

``identifiers`` gives every name of one name space (the nodes of a pipeline, the parameters of a flow) an identifier:

1. Letters are decomposed (NFKD) and what is not ASCII falls away: ``Ä`` gives ``a``, an emoji nothing.
2. Letters become lower case; each run of anything but letters and digits becomes one ``_``; none stays at the ends.
3. Nothing left: ``node``. A digit first: ``node_`` goes before it.
4. Longer than 80 characters: cut, and 6 hexadecimal digits of the name's SHA-256 follow.
5. A keyword, a built-in or a name of ``reserved`` gets a ``_`` at its end.
6. A name that is its own identifier keeps it. Of the others, the first in the given order takes the identifier and
   later ones get ``_2``, ``_3``, ...: two names are never merged, and an added name at the end changes no earlier one
   unless it is spelled as an identifier that an earlier one took.
"""

from __future__ import annotations

import builtins
import itertools
import keyword
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

IDENTIFIER_LENGTH = 80
_COMPARED = 100
"""The maximum number of names compared with an unknown name."""

_NOT_IDENTIFIER = re.compile(r"[^a-z0-9]+")
# Whether the names of ``site`` exist depends on how Python was started; generated files must not depend on it.
_OF_SITE = ("copyright", "credits", "exit", "help", "license", "quit")
_TAKEN = frozenset((*keyword.kwlist, *keyword.softkwlist, *dir(builtins), *_OF_SITE))


def identifiers(names: Sequence[str], reserved: Container[str] = ()) -> dict[str, str]:
    """Give each of ``names`` its own identifier, by the rules at the top of this module.

    Args:
        names: the names of one name space, in the order of the source file; a repeated name counts once.
        reserved: identifiers that the generated file uses.

    Returns:
        The identifier of each name, in the order of ``names``.
    """
    wanted = {name: _identifier(name, reserved) for name in names}
    identifier_by_name = {name: name for name, identifier in wanted.items() if name == identifier}
    used = set(identifier_by_name)
    for name, identifier in wanted.items():
        if name not in identifier_by_name:
            identifier_by_name[name] = _first_free(identifier, used, reserved)
            used.add(identifier_by_name[name])
    return {name: identifier_by_name[name] for name in wanted}


def free(name: str, taken: Container[str]) -> str:
    """Return ``name``, with underscores appended until it is not in ``taken``."""
    while name in taken:
        name += "_"
    return name


def digest(name: str) -> str:
    """Return 6 hexadecimal digits that keep apart names which would be the same without them."""
    import hashlib  # needed only for names that are too long or not ASCII, and slow to import

    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def closest(name: str, known: Iterable[str]) -> str | None:
    """Return the most likely one of ``known`` for a misspelt ``name``, if any is close enough."""
    import difflib  # needed only for bad input, and slow to import

    folded: dict[str, str] = {}
    for candidate in known:
        folded.setdefault(candidate.casefold(), candidate)
    wanted = name.casefold()
    likely = list(folded) if len(folded) <= _COMPARED else _of_like_length(wanted, folded)
    matches = difflib.get_close_matches(wanted, likely, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def _of_like_length(name: str, known: Iterable[str]) -> list[str]:
    """Return names with the same beginning and similar length, up to the number that can be compared at once."""
    like = (other for other in known if abs(len(other) - len(name)) <= 1 and other[:2] == name[:2])
    return list(itertools.islice(like, _COMPARED))


def did_you_mean(name: str, known: Iterable[str], what: str | None = None) -> str | None:
    """Return a hint for an unknown ``name``: the closest known name, or all of them if they are few.

    Args:
        name: what the user wrote.
        known: the valid names.
        what: the kind of names in the plural ("nodes"), to list them if none is close; if empty, none is listed.
    """
    candidates = [str(candidate) for candidate in known]  # a member of an enumeration is shown as its value
    nearest = closest(name, candidates)
    if nearest is not None:
        return f"did you mean {nearest!r}?"
    if what is None or not candidates:
        return None
    listed = ", ".join(repr(candidate) for candidate in candidates[:8])
    more = f", and {len(candidates) - 8} more" if len(candidates) > 8 else ""  # noqa: PLR2004 - as sliced above
    return f"{what}: {listed}{more}"


def _identifier(name: str, reserved: Container[str]) -> str:
    text = _NOT_IDENTIFIER.sub("_", _ascii(name).lower()).strip("_") or "node"
    if text[0].isdigit():
        text = f"node_{text}"
    if len(text) > IDENTIFIER_LENGTH:
        text = f"{text[:IDENTIFIER_LENGTH].strip('_')}_{digest(name)}"
    while text in _TAKEN or text in reserved:
        text += "_"
    return text


def _first_free(identifier: str, used: Container[str], reserved: Container[str]) -> str:
    if identifier not in used:
        return identifier
    count = 2
    while (numbered := f"{identifier.rstrip('_')}_{count}") in used or numbered in reserved:
        count += 1
    return numbered


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
