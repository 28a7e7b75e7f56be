"""Draw random Loom projects: steps, loops, conditions, switches, iterations, failures, and steps outside the run."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hypothesis import strategies as st

from tests.oracle.loom.cases import PLACE, condition, decide, passes, step, switch
from tests.oracle.loom.projects import SOURCES, Project
from translator.dialects.loom.choices import LoomChoices

FILES = ("1.txt+2.txt", "b.png+a.txt+.c", "1.txt+sub/2.txt+sub/er/3.png", "sub.d/1.txt+sub/2.txt+10.txt")
FILTERS = (None, None, None, "*.txt", "**/*.png", "[12]*", "**/*", "none*")
PARAMETERS = {"n": 3, "x": "te xt", "on": True, "off": False, "zero": 0, "none": "", "env": f"<${{{PLACE}}}>"}


@dataclass
class _Drawn:
    """What has been drawn of a file so far; ``files`` and ``folders`` are data nodes that can be read."""

    parallel: bool
    steps: list[dict[str, Any]] = field(default_factory=list)
    data: dict[str, Any] = field(
        default_factory=lambda: {
            "a": "source/a.txt",
            "b": {"type": "csv", "path": f"${{{PLACE}}}/b.csv"},
            "frames": {"type": "image_directory", "path": "source/frames/"},
            "gone": "source/gone.txt",
        }
    )
    files: list[str] = field(default_factory=lambda: ["$a", "$b", "$gone"])
    folders: list[str] = field(default_factory=lambda: ["$frames"])
    conditions: list[str] = field(default_factory=list)
    include: list[str] = field(default_factory=list)
    stale: dict[str, str] = field(default_factory=dict)

    def name(self) -> str:
        return f"step {len(self.steps)}"

    def node(self, kind: str) -> str:
        """Return a data node that a step will write."""
        number = len(self.data)
        name = f"d{number}"
        self.data[name] = f"output/{name}.txt" if kind == "file" else {"type": "data_folder", "path": f"output/{name}"}
        return f"${name}"


def _reads(draw: st.DrawFn, drawn: _Drawn, most: int = 3) -> dict[str, Any]:
    # The last ones more often, so that failures have something to skip.
    known = [*drawn.files, *drawn.folders, *drawn.files[-3:], *drawn.files[-3:], *drawn.folders[-1:]]
    names = draw(st.lists(st.sampled_from(known), min_size=1, max_size=most))
    return {f"in{i}": name for i, name in enumerate(names)}


def _arguments(draw: st.DrawFn, drawn: _Drawn) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found["--value"] = draw(st.sampled_from([1, -0.5, "text", True, False, None, *(f"${n}" for n in PARAMETERS)]))
    if draw(st.sampled_from([True, False, False])):
        references = [name for name in (*drawn.files, *drawn.folders) if "." not in name]
        found["--ref"] = draw(st.sampled_from(references))
    return found


def _task(draw: st.DrawFn, drawn: _Drawn) -> dict[str, Any]:
    folder = draw(st.sampled_from([False, False, True]))
    how = draw(st.sampled_from([*[""] * 6, "fail", "early", "nothing"]))
    words = [how] if how else []
    if folder:
        words += [f"files={draw(st.sampled_from(FILES))}"] if draw(st.integers(0, 4)) else ["files=,empty"]
    outputs = {}
    inputs, args = _reads(draw, drawn), _arguments(draw, drawn)
    for i in range(draw(st.sampled_from([0, 1, 1, 1, 2]))):
        made = drawn.node("folder" if folder else "file")
        outputs[f"--out-{i}"] = made
        (drawn.folders if folder else drawn.files).append(made)
        if draw(st.integers(0, 5)) == 0:
            place = f"output/{made[1:]}"
            drawn.stale[f"{place}/0.txt" if folder else f"{place}.txt"] = f"old {made}\n"
        if folder and draw(st.booleans()):
            name = f"n{len(drawn.data)}"
            drawn.data[name] = {"path": draw(st.sampled_from(["1.txt", "sub/2.txt", "other"])), "nested_in": made}
            drawn.files.append(f"${name}")
    more = {}
    if draw(st.sampled_from([True, False, False, False])):
        more["optional"] = True
        if draw(st.booleans()):
            drawn.include.append(drawn.name())
    elif draw(st.integers(0, 9)) == 0:
        more["disabled"] = True
    return step(drawn.name(), inputs, outputs, ",".join(words), args, **more)


def _loop(draw: st.DrawFn, drawn: _Drawn) -> dict[str, Any]:
    over = draw(st.sampled_from([*drawn.folders, *drawn.folders[-2:], "$gone"]))
    inputs = {"item": "$loop_item", **(_reads(draw, drawn, 1) if draw(st.booleans()) else {})}
    args = _arguments(draw, drawn)
    into = drawn.node("folder")
    loop: dict[str, Any] = {"over": over, "into": into}
    pattern, parallel = draw(st.sampled_from(FILTERS)), draw(st.sampled_from([None, True, False]))
    loop |= {key: value for key, value in (("filter", pattern), ("parallel", parallel)) if value is not None}
    how = draw(st.sampled_from(["", "", "", "nothing", "fail-on=2.txt", "fail-on=1.txt", "fail-on=10.png", "early"]))
    drawn.folders.append(into)
    return step(drawn.name(), inputs, "$loop_output", how, args, loop=loop)


def _condition(draw: st.DrawFn, drawn: _Drawn) -> dict[str, Any]:
    name = drawn.name()
    drawn.conditions.append(name)
    keys = {"negate": True} if draw(st.booleans()) else {}
    kind = draw(st.sampled_from(["data", "data", "data", "param", "script", "broken"]))
    if kind == "param":
        return condition(
            name, predicate="param", inputs={"data": f"${draw(st.sampled_from(list(PARAMETERS)))}"}, **keys
        )
    if kind == "script":
        return decide(name, draw(st.sampled_from([True, False, "$on", "$zero", "$x"])), **keys)
    if kind == "broken":
        return condition(name, script="tasks/decide.py", args={"broken": True}, **keys)
    data = draw(st.sampled_from([one for one in (*drawn.files, *drawn.folders) if "." not in one]))
    predicate = draw(st.sampled_from(["exists", "is_file", "is_dir", "non_empty", "count"]))
    if predicate == "count":
        args = {
            "pattern": draw(st.sampled_from(["*", "**/*.txt", "1*"])),
            "op": draw(st.sampled_from([">", "==", "<"])),
        }
        keys["args"] = {**args, "n": draw(st.sampled_from([1, 2, "$n"]))}
    return condition(name, predicate=predicate, inputs={"data": data}, **keys)


def _switch(draw: st.DrawFn, drawn: _Drawn) -> dict[str, Any]:
    name = f"s{len(drawn.steps)}"
    on = draw(st.sampled_from([*drawn.conditions, *drawn.conditions, *drawn.conditions, *PARAMETERS]))
    data = draw(st.sampled_from([one for one in (*drawn.files, *drawn.folders) if "." not in one]))
    branches = [f"${name}.then", f"${name}.else"]
    drawn.files += branches + branches
    return switch(name, f"${on}", data)


def _passes(draw: st.DrawFn, drawn: _Drawn) -> dict[str, Any]:
    name = drawn.name()
    readable = [one for one in drawn.files if "." not in one]
    inner: list[dict[str, Any]] = []
    made: list[str] = []
    how = draw(st.sampled_from(["schedule", "expressions", "count"]))
    words = ["", "", "", "fail", "nothing", "early"]
    for i in range(draw(st.integers(1, 2))):
        inputs = {f"in{i}": draw(st.sampled_from([*readable, *made, *made, *made]))}
        out = drawn.node("file")
        made.append(out)
        args = {"--n": "$n"} if draw(st.booleans()) else {}
        if how == "schedule" and draw(st.booleans()):
            args["--do"] = "$x"
        # Flags of their own: of equal ones Loom sees the last only when it looks for who makes what.
        inner.append(step(f"{name} {i}", inputs, {f"--out-{i}": out}, args=args))
    keys: dict[str, Any] = {}
    if how == "schedule":
        values = st.fixed_dictionaries({"n": st.integers(0, 3), "x": st.sampled_from(words)})
        keys["schedule"] = draw(st.lists(values, min_size=1, max_size=3))
    else:
        keys["count"] = draw(st.integers(1, 3))
        if how == "expressions":
            keys["expressions"] = {"n": draw(st.sampled_from(["iter", "3 - iter", "max(iter * 2, 1)"]))}
    if draw(st.booleans()):
        last = f"{inner[-1]['name']}.--out-{len(inner) - 1}"
        keys["feedback"] = {last: f"{inner[0]['name']}.{draw(st.sampled_from(['in0', '--ref']))}"}
    if draw(st.booleans()):
        stop = {"args": {"wanted": draw(st.sampled_from(["--n 1", "--n 2", "_iter1", "never"]))}}
        keys["condition"] = {"script": "tasks/decide.py", "inputs": {"result": made[-1]}, **stop}
    drawn.files += made
    return passes(*inner, name=name, **keys)


@st.composite
def projects(draw: st.DrawFn, max_steps: int = 9) -> Project:
    """Draw files of 2 to ``max_steps`` steps with all of Loom's features, except those broken by bugs."""
    drawn = _Drawn(parallel=draw(st.sampled_from([False, False, False, True])))
    kinds = [_task] * 5 + [_loop] * 2 + [_condition, _condition, _switch, _switch]
    if not drawn.parallel:
        kinds.append(_passes)  # Loom has none where steps run in parallel
    group = None
    for _ in range(draw(st.integers(2, max_steps))):
        kind = draw(st.sampled_from(kinds))
        made = kind(draw, drawn)
        group = draw(st.sampled_from([group, group, "one", "two", None]))
        if group and "steps" not in made:
            made["group"] = group
        drawn.steps.append(made)
    document: dict[str, Any] = {"data": drawn.data, "parameters": dict(PARAMETERS), "pipeline": drawn.steps}
    document["output_dir"] = "."
    if drawn.parallel:
        document["execution"] = {"parallel": True, "max_workers": draw(st.integers(1, 3))}
    choices = LoomChoices(include=tuple(drawn.include), in_place=draw(st.integers(0, 9)) == 0)
    if not any(one.get("kind") == "switch" for one in drawn.steps) and draw(st.integers(0, 2)) == 0:
        choices = _chosen(draw, drawn, choices)
    return Project(document, choices, {**SOURCES, **drawn.stale}, {PLACE: "source"})


def _chosen(draw: st.DrawFn, drawn: _Drawn, choices: LoomChoices) -> LoomChoices:
    """Draw other options of the command line: which steps run, and other values."""
    from dataclasses import replace

    names = [one.get("name") or one["group"] for one in drawn.steps]
    how = draw(st.sampled_from(["first", "steps", "set", "var"]))
    if how == "first":
        return replace(choices, first=draw(st.sampled_from(names)))
    if how == "steps":
        wanted = draw(st.sets(st.sampled_from(names), min_size=1))
        return replace(choices, steps=tuple(name for name in names if name in wanted), include=())
    if how == "set":
        return replace(choices, parameters=(draw(st.sampled_from(["n=2", "n=1.50", "n=true", "on=False", "x=a=b"])),))
    return replace(choices, data=(draw(st.sampled_from(["a=source/b.csv", "b=source/frames/1.png"])),))
