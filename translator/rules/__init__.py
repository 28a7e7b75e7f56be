"""Explain diagnostic codes: one table for the documentation, ``translate rule``, SARIF and ignores.

A package with its own dialect or target adds its codes with an entry point of the group ``translator.rules``, which
names a module with ``RULES``.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache
from typing import TYPE_CHECKING

from translator.names import did_you_mean
from translator.rules.model import Rule

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["GROUP", "Rule", "explained", "matching", "rules", "unknown_code_hint"]

GROUP = "translator.rules"


@cache
def rules() -> Mapping[str, Rule]:
    """Return all rules by code, sorted."""
    from importlib.metadata import entry_points

    from translator.rules import controlflow, files, loom, valohai

    own = (*files.RULES, *valohai.RULES, *loom.RULES, *controlflow.RULES)
    others = (rule for point in entry_points(group=GROUP) for rule in point.load().RULES)
    return {rule.code: rule for rule in sorted((*own, *others), key=lambda rule: rule.code)}


def explained(code: str) -> Rule | None:
    """Return the rule of a code, its own or that of its family: ``unsupported-*``."""
    known = rules()
    family = (rule for rule in known.values() if rule.code.endswith("*") and code.startswith(rule.code[:-1]))
    return known.get(code) or next(family, None)


def matching(pattern: str) -> list[Rule]:
    """Return the rules that a code or a pattern such as ``ignored-*`` covers."""
    rule = explained(pattern)
    return [rule] if rule is not None else [one for one in rules().values() if fnmatchcase(one.code, pattern)]


def unknown_code_hint(code: str) -> str:
    """Return a hint for a code that does not exist."""
    return did_you_mean(code, rules()) or "translate rule lists the codes"
