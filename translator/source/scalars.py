"""Define plain scalars in each version of YAML.

A dialect chooses the rules of its engine's loader: in YAML 1.1 ``yes`` is true and ``012`` is 10, in YAML 1.2 they are
a string and 12.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Rules(StrEnum):
    """The version of YAML that decides the types of plain scalars."""

    YAML_1_1 = "1.1"
    YAML_1_2 = "1.2"


TAG = "tag:yaml.org,2002:"
"""The prefix of YAML's own tags."""
MERGE = object()
"""The value of a merge key, ``<<``."""


class Scalars:
    """The plain scalars of a version: tags by first character and pattern, values by tag."""

    def __init__(self, resolvers: Mapping[str, Sequence[tuple[str, re.Pattern[str]]]], *, octal_by_zero: bool) -> None:
        from yaml.constructor import SafeConstructor
        from yaml.nodes import ScalarNode

        self._resolvers = resolvers
        self._octal_by_zero = octal_by_zero
        self._constructor = SafeConstructor()
        self._node = ScalarNode

    def resolve(self, text: str) -> str:
        """Return the kind of a plain scalar, without its prefix."""
        for tag, pattern in self._resolvers.get(text[:1], ()):
            if pattern.match(text):
                return tag.removeprefix(TAG)
        return "str"

    def construct(self, kind: str, text: str) -> Any:
        """Return the value of a scalar of that kind; raise ValueError if it only looks like one."""
        if kind in ("merge", "value"):
            return MERGE if kind == "merge" else text
        if kind == "null":
            return None
        node = self._node(f"{TAG}{kind}", text)
        if kind == "int" and not self._octal_by_zero:
            digits = text.replace("_", "")
            return int(digits, 0) if digits.lstrip("+-")[:2] in ("0o", "0x", "0b") else int(digits)
        constructed: Any = getattr(self._constructor, f"construct_yaml_{kind}")(node)
        return constructed


def scalars_of(rules: Rules) -> Scalars:
    """Return the scalars of a version of YAML."""
    if rules is Rules.YAML_1_1:
        from yaml.resolver import Resolver

        return Scalars(Resolver.yaml_implicit_resolvers, octal_by_zero=True)
    resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for kind, first, pattern in _YAML_1_2:
        for character in first or [""]:
            resolvers.setdefault(character, []).append((TAG + kind, re.compile(rf"(?:{pattern})\Z")))
    return Scalars(resolvers, octal_by_zero=False)


_DIGITS = list("-+0123456789")
_YAML_1_2: tuple[tuple[str, Sequence[str], str], ...] = (
    ("bool", list("tTfF"), "true|True|TRUE|false|False|FALSE"),
    ("null", list("~nN"), "~|null|Null|NULL"),
    ("null", (), ""),
    ("int", _DIGITS, "[-+]?(0b[01_]+|0o[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*)"),
    ("float", [*_DIGITS, "."], r"[-+]?(\.[0-9][0-9_]*|[0-9][0-9_]*(\.[0-9_]*)?)([eE][-+]?[0-9]+)?"),
    ("float", list("-+."), r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"),
    ("merge", ["<"], "<<"),
)
