"""Writes the lines of the body of a DAG, and remembers what they use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.targets import render
from translator.targets.airflow.controlflow.model import Line
from translator.targets.render import Name

if TYPE_CHECKING:
    from translator.targets.airflow.model import Arguments

STEP = " " * render.INDENT
_BLANK = Line("", "")


class Lines:
    """The lines written so far, and ``used``, the imported names in them."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.used: set[str] = set()

    def line(self, depth: int, text: str) -> None:
        """A line as it is: text of ours and checked identifiers."""
        self.lines.append(Line(STEP * depth, text))

    def blank(self) -> None:
        """A blank line, if there is none."""
        if self.lines and self.lines[-1] != _BLANK:
            self.lines.append(_BLANK)

    def end(self) -> None:
        """No blank line at the end."""
        while self.lines and self.lines[-1] == _BLANK:
            self.lines.pop()

    def use(self, imported: str) -> Name:
        """A name that the file imports."""
        self.used.add(imported.partition(".")[0])
        return Name(imported)

    def group(self, depth: int, group: render.Call, variable: str | None, place: str | None) -> None:
        """A ``with`` for a task group."""
        self.use("TaskGroup")
        comment = f"  {render.comment(place)}" if place else ""
        bound = f" as {variable}" if variable else ""
        self.lines.append(Line(STEP * depth, "with ", group, f"{bound}:{comment}"))

    def step(self, depth: int, variable: str | None, place: str, arguments: Arguments) -> None:
        """A task that runs a step, one argument a line."""
        self.use("StepOperator")
        head = "StepOperator(" if variable is None else f"{variable} = StepOperator("
        self.line(depth, f"{head}  {render.comment(place)}")
        for keyword, value in arguments:
            self.lines.append(Line(STEP * (depth + 1), f"{keyword}=", value, ","))
        self.line(depth, ")")
        self.blank()

    def fits(self, depth: int, text: str) -> bool:
        """Whether a line is no wider than a line should be."""
        return len(STEP) * depth + len(text) <= render.WIDTH

    def value(self, depth: int, variable: str | None, value: render.Call) -> None:
        """A call as a statement, or what a variable holds."""
        self.lines.append(Line(STEP * depth, f"{variable} = " if variable else "", value))

    def task(self, depth: int, variable: str, operator: str, arguments: Arguments, over: str | None = None) -> None:
        """Any other task; mapped over the items that the variable ``over`` lists, if it says so."""
        self.use(operator)
        if over is None:
            self.value(depth, variable, render.Call(Name(operator), (), arguments))
            return
        mapped = render.Call(Name(f"{operator}.partial"), (), arguments)
        self.lines.append(Line(STEP * depth, f"{variable} = ", mapped, f".expand(item={over}.output)"))
