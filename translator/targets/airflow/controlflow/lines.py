"""Write the lines of the body of a DAG, and record the names that they use."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.targets import render
from translator.targets.airflow.controlflow.model import Line
from translator.targets.render import Name

if TYPE_CHECKING:
    from translator.targets.airflow.model import Arguments, OrderLine

STEP = " " * render.INDENT
_BLANK = Line("", "")


class Lines:
    """The lines written so far, and ``used``, the imported names in them."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.used: set[str] = set()
        self._remarks: set[str] = set()

    def line(self, depth: int, text: str) -> None:
        """Write a line unchanged: our own text and checked identifiers."""
        self.lines.append(Line(STEP * depth, text))

    def remark(self, depth: int, text: str) -> None:
        """Write a comment, unless an earlier task has the same one."""
        if text not in self._remarks:
            self._remarks.add(text)
            self.line(depth, render.comment(text))

    def blank(self) -> None:
        """Write a blank line, unless the last one is blank."""
        if self.lines and self.lines[-1] != _BLANK:
            self.lines.append(_BLANK)

    def end(self) -> None:
        """Remove blank lines at the end."""
        while self.lines and self.lines[-1] == _BLANK:
            self.lines.pop()

    def use(self, imported: str) -> Name:
        """Record that the file imports a name, and return it."""
        self.used.add(imported.partition(".")[0])
        return Name(imported)

    def block(self, depth: int, opened: render.Call, variable: str, place: str | None = None) -> None:
        """Open a ``with`` block."""
        comment = f"  {render.comment(place)}" if place else ""
        self.lines.append(Line(STEP * depth, "with ", opened, f" as {variable}:{comment}"))

    def step(self, depth: int, variable: str, place: str | None, arguments: Arguments) -> None:
        """Write a task that runs a step; with a comment, one argument a line."""
        operator = self.use("ControlFlowStepOperator")
        for _, value in arguments:
            self.used.update(render.names_in(value))
        if place is None:
            self.value(depth, variable, render.Call(operator, (), arguments))
        else:
            self.line(depth, f"{variable} = {operator.text}(  {render.comment(place)}")
            for keyword, value in arguments:
                self.lines.append(Line(STEP * (depth + 1), f"{keyword}=", value, ","))
            self.line(depth, ")")
        self.blank()

    def order(self, depth: int, line: OrderLine) -> None:
        """Write the dependencies."""
        several = [Name(one) for one in line.several] or None
        self.lines.append(Line(STEP * depth, line.before, several, line.after))

    def value(self, depth: int, variable: str, value: render.Call) -> None:
        """Assign a call to a variable."""
        self.lines.append(Line(STEP * depth, f"{variable} = ", value))
