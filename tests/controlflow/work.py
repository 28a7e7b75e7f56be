"""Describe the work of a test's step: as the text of its command, and as the specification needs it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from translator import ir
from translator.semantics.controlflow import StepEnding
from translator.shim.contract import State
from translator.shim.json_values import thawed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from translator.semantics.controlflow import Visit


@dataclass(frozen=True)
class Work:
    """Whether a step fails, or for which items it does; what it writes, and what it says first (more shell).

    ``counts`` names a parameter that it adds one to, another that it then sets to whether this has come to a number,
    and that number. Whatever else it does, it puts two files into the catalog first: one that names it and its items,
    and one with the parameters that it sees.
    """

    fails: bool = False
    fails_on: Mapping[str, Any] = field(default_factory=dict)
    writes: Mapping[str, Any] = field(default_factory=dict)
    counts: tuple[str, str, int] | None = None
    first: str = ""

    def ending(self, visit: Visit) -> StepEnding:
        """Return how the step ends, and what it writes."""
        told = self.fails_on and all(visit.items.get(name) == item for name, item in self.fails_on.items())
        written = dict(self.writes)
        if self.counts:
            counter, flag, limit = self.counts
            count = int(visit.parameters.get(counter, 0)) + 1  # type: ignore[arg-type]
            written |= {counter: count, flag: count >= limit}
        return StepEnding(State.ERROR if self.fails or told else State.COMPLETE, written)

    def command(self, dialect: str, name: str, items: Sequence[str]) -> str:
        """Return the text of a shell step ``name`` within maps whose items are called ``items``."""
        prefix = "MAGNUS_PRM_" if dialect == "magnus" else ""
        lines = [*taken(dialect, items), *files(dialect, name, items)]
        if self.first:
            lines.append(self.first)
        if self.fails:
            lines.append("exit 3")
        if self.fails_on:
            tests = " && ".join(f'[ "${name}" = {item} ]' for name, item in self.fails_on.items())
            lines.append(f"if {tests}; then exit 3; fi")
        lines += [f"export {prefix}{name}='{_text(value)}'" for name, value in self.writes.items()]
        if self.counts:
            counter, flag, limit = self.counts
            lines.append(f"export {prefix}{counter}=$((${{{prefix}{counter}:-0}} + 1))")
            lines.append(
                f"[ ${prefix}{counter} -ge {limit} ] && export {prefix}{flag}=true || export {prefix}{flag}=false"
            )
        return "\n".join([*lines, "true"])

    def returns(self, dialect: str) -> tuple[ir.Return, ...]:
        """Return what a step of runnable must declare."""
        names = [*self.writes, *(self.counts or ())[:2]]
        return tuple(ir.Return(str(name)) for name in names) if dialect == "runnable" else ()


def taken(dialect: str, items: Sequence[str]) -> Iterator[str]:
    """Return lines of shell that put the items of maps into their own variables, as runnable does."""
    for name in items if dialect == "magnus" else ():
        pattern = f's/.*"{name}": *"\\{{0,1\\}}\\([a-z0-9]*\\).*/\\1/p'
        yield f"{name}=$(printf '%s\\n' \"$MAGNUS_MAP_VARIABLE\" | sed -n '{pattern}')"


def stem(name: str) -> str:
    """Return a node's name for the names of its files."""
    return name.replace(" ", "_")


def put(name: str) -> str:
    """Return the pattern of the files that ``files`` writes, for a step's catalog."""
    return f"*-{stem(name)}-*.txt"


def files(dialect: str, name: str, items: Sequence[str]) -> Iterator[str]:
    """Return lines of shell that write the two files of a step."""
    place = "-".join([stem(name), *(f"${{{item}}}" for item in items)])
    told = " ".join([name, *(f"${{{item}}}" for item in items)])
    others = "|".join([*("PWD", "OLDPWD", "SHLVL", "_", "(RUNNABLE|TRANSLATOR)_[A-Z_]*"), *items])
    listed = "grep ^MAGNUS_PRM_" if dialect == "magnus" else f"grep -Ev '^({others})='"
    yield f'echo "{told}" > "own-{place}-.txt"'
    yield f'(env | {listed} || true) | LC_ALL=C sort > "seen-{place}-.txt"'


def written(dialect: str, visit: Visit, items: Sequence[str]) -> dict[str, str]:
    """Return the text of the files that ``files`` writes, by path."""
    values = [str(visit.items[item]) for item in items]
    place = "-".join([stem(visit.node.name), *values])
    seen = {name: thawed(value) for name, value in visit.parameters.items()}
    if dialect == "magnus":
        lines = sorted(f"MAGNUS_PRM_{name}={json.dumps(value)}" for name, value in seen.items())
    else:
        lines = sorted(
            f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in seen.items()
        )
    return {
        f"own-{place}-.txt": " ".join([visit.node.name, *values]) + "\n",
        f"seen-{place}-.txt": "".join(f"{line}\n" for line in lines),
    }


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
