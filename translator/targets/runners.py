"""Say a runner or deployer that several steps have once, as a constant of the generated file."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from translator.names import identifiers
from translator.targets import render
from translator.targets.constants import Constant
from translator.targets.render import Call, Name
from translator.targets.steps import DEPLOYER, RUNNER

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from translator.targets.render import Expression


def with_runners(steps: Sequence[Constant], taken: Iterable[str]) -> tuple[Constant, ...]:
    """Return the constants of a file: the runners and deployers that several steps have, then the steps.

    One without settings stays where it is, because a constant would be longer than what it stands for.

    Args:
        steps: the constants that hold steps.
        taken: the other names of the file in upper case.
    """
    runners = [runner for step in steps if (runner := _runner(step.value)) is not None and runner.keywords]
    uses = Counter(map(render.literal, runners))
    names = {*taken, "PROJECT", *(step.name for step in steps)}
    shared: dict[str, Constant] = {}
    for runner in runners:
        text = render.literal(runner)
        if uses[text] > 1 and text not in shared:
            shared[text] = Constant(_free(_constant(runner), names), runner)
            names.add(shared[text].name)
    return (*shared.values(), *(Constant(step.name, _sharing(step.value, shared)) for step in steps))


def _runner(step: Expression) -> Call | None:
    """Return the call that builds the runner of a step, or its deployer."""
    keywords = dict(step.keywords) if isinstance(step, Call) else {}
    value = keywords.get(RUNNER, keywords.get(DEPLOYER))
    return value if isinstance(value, Call) else None


def _constant(runner: Call) -> str:
    title = f"{runner.arguments[0]} {runner.function.text}"
    return identifiers([title], ())[title].upper()


def _sharing(step: Expression, shared: dict[str, Constant]) -> Expression:
    runner = _runner(step)
    constant = shared.get(render.literal(runner)) if runner is not None else None
    if constant is None or not isinstance(step, Call):
        return step
    return replace(
        step,
        keywords=tuple(
            (key, Name(constant.name) if key in (RUNNER, DEPLOYER) else value) for key, value in step.keywords
        ),
    )


def _free(name: str, taken: set[str]) -> str:
    number, wanted = 1, name
    while wanted in taken:
        number += 1
        wanted = f"{name}_{number}"
    return wanted
