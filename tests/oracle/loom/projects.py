"""Define Loom projects whose steps run in milliseconds, and the outcomes of these steps for the rules."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from translator import ir
from translator.dialects.loom.choices import LoomChoices
from translator.semantics import Attempt, Ending
from translator.shim.contract import State

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = "loom.yml"
WORK = Path(__file__).with_name("work.py").read_text()
DECIDE = """def evaluate(answer=True, result=None, wanted=None, broken=False, **more):
    if broken:
        raise ValueError("broken on purpose")
    if result is not None:
        with open(result) as file:
            return wanted in file.read().splitlines()[0]
    return answer
"""
SCRIPTS = {"tasks/work.py": WORK, "tasks/decide.py": DECIDE}
SOURCES = {
    "source/a.txt": "a\n",
    "source/b.csv": "b\n",
    "source/frames/1.png": "one\n",
    "source/frames/10.png": "ten\n",
    "source/frames/2.png": "two\n",
    "source/frames/notes.txt": "notes\n",
    "source/frames/sub/3.png": "three\n",
    "source/frames/sub.d/4.png": "four\n",
}


@dataclass(frozen=True)
class Project:
    """A file with what is around it, and what the command line says of a run."""

    document: Mapping[str, Any]
    choices: LoomChoices = field(default_factory=LoomChoices)
    files: Mapping[str, str] = field(default_factory=lambda: SOURCES)
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def text(self) -> str:
        return yaml.safe_dump(self.document, sort_keys=False)

    def write(self, folder: Path) -> Path:
        """Write the project to ``folder``; return its file."""
        for path, text in {**SCRIPTS, **self.files, FILE: self.text}.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)
        return folder / FILE

    def arguments(self) -> list[str]:
        """Return the arguments of Loom's command line."""
        asked = self.choices
        options = {
            "--step": asked.steps,
            "--from": (asked.first,) if asked.first else (),
            "--include": asked.include,
            "--set": asked.parameters,
            "--var": asked.data,
        }
        found = [word for option, words in options.items() if words for word in (option, *words)]
        return [*found, *([f"--extra={asked.extra}"] if asked.extra else [])]

    def __repr__(self) -> str:
        return f"{self.text}\n{self.choices}"


def behaviour(pipeline: ir.Pipeline, conditions: Mapping[str, bool]) -> Any:
    """Return an oracle that reads ``work.py`` again, with the verdicts of conditions unless they fail."""
    steps = {node.name: node.step for node in pipeline.nodes if isinstance(node, ir.ExecutionNode | ir.TaskNode)}

    def oracle(attempt: Attempt) -> Ending:
        step = steps[attempt.node]
        if step.kind is ir.StepKind.CONDITION:
            if attempt.node not in conditions:
                return Ending(State.ERROR)
            return Ending(metadata={"result": conditions[attempt.node]}, outputs=())
        return Ending(outputs=()) if step.kind is ir.StepKind.COLLECT else _worked(step, attempt.parameters)

    return oracle


def _worked(step: ir.Step, parameters: Mapping[str, Any]) -> Ending:
    words = str(parameters.get("--do") or "").split(",")
    todo = dict(word.partition("=")[::2] for word in words if word)
    if "early" in todo or any("${ORACLE_NOWHERE}" in str(value) for value in parameters.values()):
        return Ending(State.ERROR, outputs=())
    inputs = [str(parameters[item.name]) for item in step.inputs if not item.name.startswith("loop.")]
    first = PurePosixPath(inputs[0]).name if inputs else ""
    fails = "fail" in todo or todo.get("fail-on") == first
    places = [str(parameters[out.name]) for out in step.outputs if out.name.startswith("--out")]
    if "nothing" in todo:
        places = []
    names = todo["files"].split("+") if "files" in todo else [""]
    made = tuple(str(PurePosixPath(place) / name) for place in places for name in names)
    made, folders = ((), made) if "empty" in todo else (made, ())
    if "loop.into" in parameters:
        folders = (*folders, str(parameters["loop.into"]))
    return Ending(State.ERROR if fails else State.COMPLETE, outputs=made, folders=folders)
