"""Find misspelt and unknown keys in the ``conf`` that a run was triggered with."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from airflow.sdk import Context


def unknown_keys(context: Context) -> str | None:
    """Return a sentence about ``conf`` keys of a run that are not params of its DAG, or None; Airflow accepts them."""
    return described(context["dag_run"].conf or {}, context["dag"].params)


def misspelt_keys(context: Context) -> str | None:
    """Return a sentence about keys of a run's ``conf`` that are probably misspelt params, or None."""
    declared = context["dag"].params
    return described((key for key in context["dag_run"].conf or {} if closest(key, declared)), declared)


def described(keys: Iterable[str], declared: Collection[str]) -> str | None:
    """Return a sentence for each key that is not declared; None if there are none.

    Keys that start with an underscore may annotate runs.
    """
    unknown = [key for key in keys if key not in declared and not key.startswith("_")]
    return "; ".join(_sentence(key, declared) for key in unknown) or None


def closest(key: str, declared: Collection[str]) -> str | None:
    """Return the declared name that somebody who wrote ``key`` probably meant, if one is close."""
    # A parameter of a node is called NODE.PARAMETER, and people leave the node out.
    whole = [name for name in declared if key.casefold() in (name.casefold(), name.rpartition(".")[2].casefold())]
    folded = {name.casefold(): name for name in declared}
    candidates = whole[:1] or [folded[name] for name in difflib.get_close_matches(key.casefold(), folded, 1)]
    return candidates[0] if candidates else None


def _sentence(key: str, declared: Collection[str]) -> str:
    meant = closest(key, declared)
    listed = f"its parameters are: {', '.join(map(repr, declared))}" if declared else "it has no parameters"
    return f"the pipeline has no parameter {key!r}; {f'did you mean {meant!r}?' if meant else listed}"
