"""Find the secrets that an execution gets as environment variables, and mask what is secret in its texts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from translator.shim.execution.state import ExecutionError
from translator.shim.masking import Mask, is_sensitive

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from translator.shim.contract import Context, Step

# The value of a variable that only sounds like a secret may be a word: USE_TOKEN=true.
_SHORTEST = 8
_WHERE = {
    "airflow": "set it on the worker, or create an Airflow variable or connection with that name",
    "prefect": "set it on the worker, or create a Secret block with that name",
}


@dataclass(frozen=True, slots=True)
class Secrets:
    """The values of an execution's secrets, by environment variable, and what is masked."""

    variables: Mapping[str, str]
    mask: Mask

    def hiding(self, hide: Callable[[str], str] | None) -> Callable[[str], str] | None:
        """Return what takes secrets out of a text, after the dialect's own ``hide``."""
        if not self.mask:
            return hide
        return self.mask.hide if hide is None else lambda text: self.mask.hide(hide(text))


def in_step(step: Step) -> Mask:
    """Return a mask of the values in a step whose names say that they are secrets."""
    mask = Mask()
    for name, value in step.environment.items():
        if is_sensitive(name) and len(value) >= _SHORTEST and value.strip():
            mask.remember(value)
    return mask


def find(step: Step, context: Context, inherited: Mapping[str, str]) -> Secrets:
    """Return the secrets of a step.

    A secret comes from the worker's environment, else from the engine's own store. Values of variables with sensitive
    names are masked as well, in the engine's own log too, if it can do that.

    Args:
        step: the step.
        context: of its execution.
        inherited: the worker's environment as the step sees it.

    Raises:
        ExecutionError: a secret does not exist.
    """
    mask = Mask()
    secret_values: dict[str, str] = {}
    for variable, name in step.secret_variables.items():
        value = os.environ.get(name) or context.secret(name)
        if value is None:
            where = _WHERE.get(context.engine, "set it on the worker")
            raise ExecutionError(f"step {step.name!r} needs the secret {name!r} for {variable}: {where}")
        secret_values[variable] = value
    values = {
        **{name: inherited[name] for name in step.required_environment if name in inherited},
        **step.environment,
    }
    likely = (value for name, value in values.items() if is_sensitive(name) and len(value) >= _SHORTEST)
    for value in (*secret_values.values(), *likely):
        if value.strip():
            mask.remember(value)
            context.mask(value)
    return Secrets(secret_values, mask)
