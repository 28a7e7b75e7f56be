"""List files that Loom rejects or crashes on, and how they run here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tests.oracle.loom.cases import condition, decide, passes, project, step, switch
from translator.dialects.loom.choices import LoomChoices

if TYPE_CHECKING:
    from tests.oracle.loom.projects import Project

ONE = step("one", {"x": "$a"}, "$p")


def _with(one: Project, **keys: Any) -> Project:
    return replace(one, document={**one.document, **keys})


REFUSED: dict[str, tuple[Project, str]] = {
    "outside": (project(ONE, data={"p": "../p.txt"}), "outside-pipeline"),
    "outside by var": (project(ONE, choices=LoomChoices(data=("p=/tmp/p.txt",))), "outside-pipeline"),
    "unknown name": (project(step("one", {"x": "$a"}, args={"--x": "$nothing"}), data={"nothing": "x"}), ""),
    "variables": (_with(project(ONE), variables={"x": 1}), "old-variables"),
    "nested in itself": (
        project(ONE, data={"c": {"path": "c", "nested_in": "$d"}, "d": {"path": "d", "nested_in": "$c"}}),
        "nested-cycle",
    ),
    "nested in nothing": (project(ONE, data={"c": {"path": "c", "nested_in": "$d"}}), "unknown-reference"),
    "no task": (project({"name": "one"}), "missing-key"),
    "unknown kind": (project({"name": "one", "kind": "gate"}), "unknown-kind"),
    "condition of nothing": (project(condition("c")), "missing-key"),
    "switch of nothing": (project({"name": "s", "kind": "switch"}), "missing-key"),
    "loop without into": (project(step("one", {"x": "$loop_item"}, loop={"over": "$a"})), "missing-key"),
    "schedule and expressions": (
        project(passes(ONE, schedule=[{"n": 1}], expressions={"n": "1"}, count=1)),
        "bad-value",
    ),
    "no count": (project(passes(ONE, expressions={"n": "1"})), "missing-key"),
    "count of 0": (project(passes(ONE, count=0)), "bad-type"),
    "no expression": (project(passes(ONE, expressions={"n": "1 +"}, count=1)), "bad-expression"),
    "feedback from nothing": (project(passes(ONE, count=2, feedback={"two.--out": "one.x"})), "bad-feedback"),
    "unknown step": (project(ONE, choices=LoomChoices(steps=("two",))), "there is no step"),
}
REFUSED["unknown name"] = (
    _with(REFUSED["unknown name"][0], data={"a": "source/a.txt"}),
    "unknown-reference",
)


@dataclass(frozen=True)
class Broken:
    """A file that Loom ends with a traceback, or fails by its own mistake; ``states`` are those that we predict.

    ``row`` is what the table of ``docs/loom.md`` calls it, ``aborts`` whether it is a traceback.
    """

    row: str
    project: Project
    states: dict[str, str]
    aborts: bool = True


BROKEN: dict[str, Broken] = {
    "an environment variable that is not set": Broken(
        "an environment variable that is not set, a URL that cannot be fetched",
        project(step("one", {"x": "${ORACLE_NOWHERE}"}, "$p"), step("two", {"x": "$a"}, "$q")),
        {"one": "error", "two": "complete"},
    ),
    "a loop over a file": Broken(
        "a loop over a file",
        project(
            step("one", {"x": "$loop_item"}, "$loop_output", loop={"over": "$a", "into": "$p"}),
            step("two", {"x": "$a"}, "$q"),
        ),
        {"one": "error", "two": "complete"},
    ),
    "a directory in multi_pass": Broken(
        "`multi_pass` with a directory among its outputs",
        project(
            passes(step("one", {"x": "$a"}, "$p", "files=a.txt"), count=1),
            step("two", {"x": "$p"}, "$q"),
            data={"p": {"type": "data_folder", "path": "output/p"}},
        ),
        {"one_iter0": "complete", "passes": "complete", "two": "complete"},
    ),
    "multi_pass where steps run in parallel": Broken(
        "`multi_pass` with parallel execution",
        project(passes(step("one", {"x": "$a"}, "$p"), count=1), execution={"parallel": True}),
        {"one_iter0": "complete", "passes": "complete"},
        aborts=False,
    ),
    "a switch in whose loop nobody looks": Broken(
        "a loop `over` the branch of a switch",
        project(
            decide("no", answer=False),
            switch("s", "$no", "$in"),
            step("one", {"x": "$loop_item"}, "$loop_output", loop={"over": "$s.then", "into": "$p"}),
            data={"in": "source/frames"},
        ),
        {"no": "complete", "one": "skipped"},
        aborts=False,
    ),
    "two outputs of multi_pass under one flag": Broken(
        "two steps of a `multi_pass` with the same output flag or input name; data in their `args`",
        project(
            step("bad", {"x": "$a"}, "$s", "fail"),
            passes(step("one", {"x": "$s"}, "$p"), step("two", {"y": "$a"}, "$q"), count=1),
            step("after", {"x": "$p"}, "$r"),
        ),
        {"bad": "error", "one_iter0": "skipped", "two_iter0": "skipped", "passes": "skipped", "after": "skipped"},
        aborts=False,
    ),
}
