"""Turn the names of a pipeline file into Python identifiers.

``identifiers`` gives every name of one name space (the nodes of a pipeline, the parameters of a flow) an identifier:

1. Letters are decomposed (NFKD) and what is not ASCII falls away: ``Ä`` gives ``a``, an emoji nothing.
2. Letters become lower case; each run of anything but letters and digits becomes one ``_``; none stays at the ends.
3. Nothing left: ``node``. A digit first: ``node_`` goes before it.
4. Longer than 80 characters: cut, and 6 hexadecimal digits of the name's SHA-256 follow.
5. A keyword, a built-in or a name of ``reserved`` gets a ``_`` at its end.
6. A name that is its own identifier keeps it. If others have the same identifier as another name, digits of their
   SHA-256 follow, too. So two names are never merged, and the order of the names does not matter.
"""

from __future__ import annotations

import builtins
import itertools
import keyword
import re
import unicodedata
from collections import Counter
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping, Sequence

Key = TypeVar("Key")

IDENTIFIER_LENGTH = 80
_COMPARED = 100
"""The maximum number of names compared with an unknown name."""

_NOT_IDENTIFIER = re.compile(r"[^a-z0-9]+")
# Whether the names of ``site`` exist depends on how Python was started; generated files must not depend on it.
_OF_SITE = ("copyright", "credits", "exit", "help", "license", "quit")
_BUILTINS = frozenset((*dir(builtins), *_OF_SITE))
_KEYWORDS = frozenset(keyword.kwlist)


def identifiers(
    names: Sequence[str], reserved: Container[str] = (), *, shadow_builtins: bool = False
) -> dict[str, str]:
    """Give each of ``names`` its own identifier, by the rules at the top of this module.

    Args:
        names: the names of one name space, in the order of the source file; a repeated name counts once.
        reserved: identifiers that the generated file uses.
        shadow_builtins: whether identifiers may be those of built-ins, as attributes may.

    Returns:
        The identifier of each name, in the order of ``names``.
    """
    return title_identifiers({name: name for name in names}, reserved, shadow_builtins=shadow_builtins)


def title_identifiers(
    titles: Mapping[Key, str], reserved: Container[str] = (), *, shadow_builtins: bool = False
) -> dict[Key, str]:
    """Give each key its own identifier by its title, as ``identifiers`` does; several may have the same title.

    Args:
        titles: by key, its title.
        reserved: identifiers that the generated file uses.
        shadow_builtins: whether identifiers may be those of built-ins.
    """
    words = _KEYWORDS if shadow_builtins else _KEYWORDS | _BUILTINS
    slugs = {key: slug(title) for key, title in titles.items()}
    identifier_by_key: dict[Key, str] = {}
    for key, own in slugs.items():
        identifier = own
        while identifier in words or identifier in reserved:
            identifier += "_"
        identifier_by_key[key] = identifier
    counts = Counter(identifier_by_key.values())
    owners: dict[str, Key] = {}
    for key, identifier in identifier_by_key.items():
        if counts[identifier] == 1 or titles[key] == identifier:
            owners.setdefault(identifier, key)
    for key, identifier in identifier_by_key.items():
        if titles[key] == slugs[key]:
            owners.setdefault(identifier, key)
    taken = set(owners)
    for key, identifier in identifier_by_key.items():
        if identifier in owners and owners[identifier] == key:
            continue
        longer = f"{identifier.rstrip('_')}_{digest(titles[key])}"
        while longer in taken or longer in reserved:
            longer += "_"
        taken.add(longer)
        identifier_by_key[key] = longer
    return identifier_by_key


def slug(name: str) -> str:
    """Return a name in the letters of an identifier (rules 1 to 4), which may be a keyword or a built-in."""
    text = _NOT_IDENTIFIER.sub("_", _ascii(name).lower()).strip("_") or "node"
    if text[0].isdigit():
        text = f"node_{text}"
    if len(text) > IDENTIFIER_LENGTH:
        text = f"{text[:IDENTIFIER_LENGTH].strip('_')}_{digest(name)}"
    return text


def free(name: str, taken: Container[str]) -> str:
    """Return ``name``, with underscores appended until it is not in ``taken``."""
    while name in taken:
        name += "_"
    return name


def digest(name: str) -> str:
    """Return 6 hexadecimal digits that keep apart names which would be the same without them."""
    import hashlib  # needed only for names that are too long or not ASCII, and slow to import

    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def closest(name: str, valid_names: Iterable[str]) -> str | None:
    """Return the most likely one of ``valid_names`` for a misspelt ``name``, if any is close enough."""
    import difflib  # needed only for bad input, and slow to import

    folded: dict[str, str] = {}
    for candidate in valid_names:
        folded.setdefault(candidate.casefold(), candidate)
    wanted = name.casefold()
    likely = list(folded) if len(folded) <= _COMPARED else _of_like_length(wanted, folded)
    matches = difflib.get_close_matches(wanted, likely, n=1, cutoff=0.6)
    return folded[matches[0]] if matches else None


def enumeration(names: Iterable[str]) -> str:
    """Return names as a list in a sentence: "a", "a and b", "a, b and c"; empty without names."""
    *others, last = [*names] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def _of_like_length(name: str, valid_names: Iterable[str]) -> list[str]:
    """Return names with the same beginning and similar length, up to the number that can be compared at once."""
    like = (other for other in valid_names if abs(len(other) - len(name)) <= 1 and other[:2] == name[:2])
    return list(itertools.islice(like, _COMPARED))


def did_you_mean(name: str, valid_names: Iterable[str], plural: str | None = None) -> str | None:
    """Return a hint for an unknown ``name``: the closest known name, or all of them if they are few.

    Args:
        name: what the user wrote.
        valid_names: the valid names.
        plural: the kind of names in the plural ("nodes"), to list them if none is close; if empty, none is listed.
    """
    candidates = [str(candidate) for candidate in valid_names]  # a member of an enumeration is shown as its value
    nearest = closest(name, candidates)
    if nearest is not None:
        return f"did you mean {nearest!r}?"
    if plural is None or not candidates:
        return None
    listed = ", ".join(repr(candidate) for candidate in candidates[:8])
    more = f", and {len(candidates) - 8} more" if len(candidates) > 8 else ""  # noqa: PLR2004 - as sliced above
    return f"{plural}: {listed}{more}"


def _ascii(name: str) -> str:
    return unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
