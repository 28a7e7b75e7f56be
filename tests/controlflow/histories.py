"""Build control-flow pipelines for histories of runs, whose steps read from a directory what to do.

Each step prints what it sees, and writes the parameter ``who``: which step wrote it, and when. So the parameters that a
step sees show which earlier steps they come from, and from which of their runs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.processes import TELL
from translator.load import load_text
from translator.semantics.controlflow import StepEnding
from translator.shim.contract import State
from translator.shim.json_values import thawed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from random import Random

    from translator import ir

MAPS = """
dag:
  start_at: list
  steps:
    list: {STEP, next: many}
    many:
      type: map
      iterate_on: values
      iterate_as: item
      next: pick
      on_failure: rescue
      branch:
        start_at: work
        steps:
          work: {STEP, next: note, on_failure: mend}
          mend: {STEP, next: note}
          note: {STEP, next: success}
    rescue: {STEP, next: pick}
    pick:
      type: conditional
      parameter: side
      next: report
      branches:
        heads:
          start_at: head
          steps:
            head: {STEP, next: success}
        tails:
          start_at: tail
          steps:
            tail: {STEP, next: success}
    report: {STEP, next: success}
"""
TURNS = """
dag:
  start_at: list
  steps:
    list: {STEP, next: both}
    both:
      type: parallel
      next: improve
      on_failure: sorry
      branches:
        left:
          start_at: one
          steps:
            one: {STEP, next: success, on_failure: other}
            other: {STEP, next: success}
        right:
          start_at: each
          steps:
            each:
              type: map
              iterate_on: values
              iterate_as: item
              next: success
              branch:
                start_at: work
                steps:
                  work: {STEP, next: success}
    sorry: {STEP, next: improve}
    improve:
      type: loop
      max_iterations: 2
      break_on: good
      index_as: turn
      next: report
      branch:
        start_at: train
        steps:
          train: {STEP, next: success}
    report: {STEP, next: success}
"""
NESTED = """
dag:
  start_at: list
  steps:
    list: {STEP, next: many}
    many:
      type: map
      iterate_on: values
      iterate_as: item
      next: report
      on_failure: rescue
      branch:
        start_at: split
        steps:
          split: {STEP, next: each, on_failure: mend}
          each:
            type: map
            iterate_on: parts
            iterate_as: part
            next: note
            on_failure: mend
            branch:
              start_at: work
              steps:
                work: {STEP, next: check}
                check: {STEP, next: success}
          mend: {STEP, next: note}
          note: {STEP, next: success}
    rescue: {STEP, next: report}
    report: {STEP, next: success}
"""
SHOWN = ("good", "parts", "side", "values", "who")
STEP = """type: task, command_type: shell, command: 'me=NAME; . "$home/act"', returns: [RETURNS]"""
ACT = f"""
test "$me" != train || turn="${{count:-0}}"
key="$me${{item:+-$item}}${{part:+-$part}}${{turn:+-$turn}}"
(env | grep -E '^({"|".join(SHOWN)})=' || true) | LC_ALL=C sort > "$home/seen-$key"
if test -e "$home/hold-$key"; then
    {TELL} > "$home/held.new"
    mv "$home/held.new" "$home/held"
    exec sleep 600
fi
test ! -e "$home/fail-$key" || exit 3
case $me in
list) export values="$(cat "$home/values")" side="$(cat "$home/side")" ;;
split) export parts="$(cat "$home/parts-$item")" ;;
train) export good="$(cat "$home/good")" count=$((turn + 1)) ;;
esac
export who="$key@$(cat "$home/stamp")"
"""
RETURNS = {"list": ("values", "side", "who"), "split": ("parts", "who"), "train": ("good", "count", "who")}


@dataclass(frozen=True)
class Shape:
    """A pipeline: its text, and what can fail in it."""

    name: str
    text: str
    fails: tuple[str, ...]

    def source(self) -> str:
        """Return the text of the pipeline file."""
        lines = []
        for line in self.text.splitlines():
            name = line.strip().partition(":")[0]
            returned = ", ".join(f"{{name: {one}}}" for one in RETURNS.get(name, ("who",)))
            lines.append(line.replace("STEP", STEP.replace("NAME", name).replace("RETURNS", returned)))
        return "\n".join(lines) + "\n"

    def pipeline(self) -> ir.Pipeline:
        """Return the pipeline."""
        return load_text(self.source(), f"{self.name}.yaml").choose()


SHAPES = {
    shape.name: shape
    for shape in (
        Shape("maps", MAPS, ("list", "work-1", "work-2", "mend-2", "note-1", "note-2", "rescue", "head", "report")),
        Shape("turns", TURNS, ("list", "one", "other", "work-1", "work-2", "sorry", "train-0", "train-1", "report")),
        Shape(
            "nested",
            NESTED,
            ("list", "split-1", "split-2", "work-1-1", "work-2-2", "check-1-2", "mend-1", "note-2", "rescue", "report"),
        ),
    )
}


@dataclass(frozen=True)
class Plan:
    """What the steps do from now on: what they write, and which of them fail.

    ``parts`` has by value (1, 2, 3) the list that a map in a map runs over.
    """

    values: tuple[int, ...] = (1,)
    side: str = "heads"
    good: bool = True
    failing: frozenset[str] = frozenset()
    parts: tuple[tuple[int, ...], ...] = ((1,), (1, 2), ())


def drawn(chance: Random, shape: Shape) -> Plan:
    """Draw what the steps of a pipeline do.

    Not by hypothesis, which begins with the simplest plans: on an engine there is time for a few only.
    """
    values = tuple(chance.sample([1, 2, 3], chance.randint(1, 3)))
    failing = frozenset(chance.sample(shape.fails, chance.randint(0, 2)))
    parts = tuple(tuple(chance.sample([1, 2], chance.randint(0, 2))) for _ in range(3))
    return Plan(values, chance.choice(["heads", "tails"]), chance.choice([True, False]), failing, parts)


def key_of(path: str, items: Iterable[Any]) -> str:
    """Return what a step at a path, for items of the enclosing maps, calls itself."""
    parts = path.split(".")
    turn = [parts[-2]] if "improve" in parts else []
    return "-".join([parts[-1], *map(str, items), *turn])


def does(path: str, items: Mapping[str, Any], plan: Plan, stamp: int) -> StepEnding:
    """Return how the step at a path ends, and what it writes."""
    key = key_of(path, items.values())
    more: Mapping[str, Mapping[str, Any]] = {"list": {"values": list(plan.values), "side": plan.side}}
    if path.endswith(".split"):
        more = {"split": {"parts": list(plan.parts[items["item"] - 1])}}
    if "improve" in path.split("."):
        more = {"train": {"good": plan.good, "count": int(path.split(".")[-2]) + 1}}
    written = {**more.get(path.rpartition(".")[2], {}), "who": f"{key}@{stamp}"}
    return StepEnding(State.ERROR, {}) if key in plan.failing else StepEnding(State.COMPLETE, written)


def write(home: Path, plan: Plan, stamp: int) -> None:
    """Have the steps that read the directory ``home`` do what a plan says."""
    (home / "act").write_text(ACT)
    for old in (*home.glob("fail-*"), *home.glob("hold-*"), *home.glob("held")):
        old.unlink()
    for name in plan.failing:
        (home / f"fail-{name}").touch()
    (home / "values").write_text(json.dumps(plan.values))
    for value, parts in enumerate(plan.parts, 1):
        (home / f"parts-{value}").write_text(json.dumps(parts))
    (home / "side").write_text(plan.side)
    (home / "good").write_text(json.dumps(plan.good))
    (home / "stamp").write_text(f"{stamp}")


def seen(home: Path, key: str) -> dict[str, str]:
    """Return what a step saw when it last ran."""
    return dict(line.split("=", 1) for line in (home / f"seen-{key}").read_text().splitlines())


def shown(parameters: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters that a step saw, as runnable passes them to a shell."""
    return {
        name: value if isinstance(value, str) else json.dumps(thawed(value))
        for name, value in parameters.items()
        if name in SHOWN
    }
