"""Define the table: one project per construct of Loom. Those of ``TOGETHER`` can be merged into one project and run."""

from __future__ import annotations

from typing import Any

from tests.oracle.loom.projects import SOURCES, Project
from translator.dialects.loom.choices import LoomChoices

PLACE = "ORACLE_PLACE"
"""An environment variable that holds ``source``, wherever these run."""


def step(
    name: str,
    inputs: dict[str, Any] | None = None,
    out: str | dict[str, str] | None = None,
    do: str = "",
    args: dict[str, Any] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return a step that runs ``work.py``."""
    found: dict[str, Any] = {"name": name, "task": "tasks/work.py", **more}
    if inputs:
        found["inputs"] = inputs
    if out:
        found["outputs"] = {"--out": out} if isinstance(out, str) else out
    given = {**({"--do": do} if do else {}), **(args or {})}
    if given:
        found["args"] = given
    return found


def condition(name: str, **keys: Any) -> dict[str, Any]:
    return {"name": name, "kind": "condition", **keys}


def decide(name: str, answer: Any = True, **keys: Any) -> dict[str, Any]:
    """Return a condition with a script, which gives the requested verdict."""
    return condition(name, script="tasks/decide.py", args={"answer": answer}, **keys)


def switch(name: str, on: str, data: str) -> dict[str, Any]:
    return {"name": name, "kind": "switch", "condition": on, "data": data}


def project(*steps: dict[str, Any], data: dict[str, Any] | None = None, **keys: Any) -> Project:
    """Return a file with these steps; data nodes that are only referred to are files below ``output``."""
    choices, files = keys.pop("choices", LoomChoices()), keys.pop("files", SOURCES)
    nodes = {"a": "source/a.txt", **(data or {})}
    for name in _referred(list(steps)):
        if name not in nodes and name not in keys.get("parameters", {}):
            nodes[name] = f"output/{name}.txt"
    document = {"data": nodes, "pipeline": list(steps), **keys}
    return Project(document, choices, files, {PLACE: "source"})


def _referred(value: Any) -> list[str]:
    found: list[str] = []
    known: set[str] = set()
    waiting = [value]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, dict):
            if one.get("kind") in ("condition", "switch"):
                known.add(one["name"])
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)
        elif isinstance(one, str) and one.startswith("$") and not one.startswith("${") and "." not in one:
            found.append(one[1:])
    return [name for name in dict.fromkeys(found) if name not in {*known, "loop_item", "loop_output"}]


TOGETHER: dict[str, Project] = {
    "plain": project(
        step("one", {"x": "$a"}, "$p"),
        step("two", {"x": "$p", "y": "$a"}, {"--out-1": "$q", "--out-2": "$r"}),
        step("three", {"x": "$r", "y": "$q"}, "$s", args={"--ref": "$p", "--ref-2": "$a"}),
    ),
    "values": project(
        step(
            "one",
            out="$p",
            args={
                "--int": 3,
                "--float": 0.1,
                "--tiny": 1e-07,
                "--text": "a b",
                "--empty": "",
                "--yes": True,
                "--no": False,
                "--nothing": None,
                "--list": [1, "x", None],
                "--map": {"k": 1.5},
                "--p-int": "$int",
                "--p-text": "$text",
                "--p-on": "$on",
                "--p-off": "$off",
                "--p-env": "$env",
                "--env": "<${ORACLE_PLACE}/${ORACLE_PLACE}>",
                "--big": 2**70,
                "--dollar": "5$ and $x y"[0:2],
            },
        ),
        parameters={"int": 12, "text": "t e x t", "on": True, "off": False, "env": "in ${ORACLE_PLACE}"},
    ),
    "literals": project(
        step("one", {"x": "source/a.txt", "y": "./source/b.csv"}, "output/literal/one.txt"),
        step("two", {"x": "$of"}, "output/literal/two.txt", args={"--ref": "$of", "--plain": "source/a.txt"}),
        parameters={"of": "source/a.txt"},
    ),
    "environment": project(
        step("one", {"x": "$in", "y": "${ORACLE_PLACE}/b.csv"}, "$made", args={"--ref": "$in"}),
        step("two", {"x": "$made"}, "$end"),
        data={"in": "${ORACLE_PLACE}/a.txt", "made": "output/env/${ORACLE_PLACE}.txt"},
    ),
    "typed": project(
        step("one", {"x": "$csv"}, "$table"),
        step("two", {"x": "$frames"}, "$folder", "files=a.txt+sub/b.txt"),
        step("three", {"x": "$table", "y": "$folder"}, "$report"),
        data={
            "csv": {"type": "csv", "path": "source/b.csv", "description": "a table"},
            "frames": {"type": "image_directory", "path": "source/frames"},
            "table": {"type": "csv", "path": "output/typed/table.csv"},
            "folder": {"type": "data_folder", "path": "output/typed/folder/"},
            "report": {"type": "json", "path": "output/typed/report.json"},
        },
    ),
    "nested": project(
        step("one", {"x": "$a"}, "$box", "files=inner.txt+deep/er.txt+other.txt"),
        step("two", {"x": "$inner"}, "$p"),
        step("three", {"x": "$er", "y": "$deep"}, "$q"),
        step("four", {"x": "$box"}, "$r"),
        data={
            "box": {"type": "data_folder", "path": "output/nested"},
            "inner": {"path": "inner.txt", "nested_in": "$box"},
            "deep": {"type": "data_folder", "path": "deep", "nested_in": "$box"},
            "er": {"path": "er.txt", "nested_in": "$deep"},
        },
    ),
    "writes into a directory of the project": project(
        step("one", {"x": "$a"}, "$extra"),
        step("two", {"x": "$extra", "y": "$mixed"}, "$p"),
        step("three", {"x": "$loop_item"}, "$loop_output", loop={"over": "$mixed", "into": "$each"}),
        data={
            "mixed": {"type": "data_folder", "path": "source/frames"},
            "extra": {"path": "11.png", "nested_in": "$mixed"},
            "each": {"type": "data_folder", "path": "output/each"},
        },
    ),
    "nothing is written": project(
        step("one", {"x": "$a"}, "$p", "nothing"),
        step("two", {"x": "$p"}, "$q"),
        step("three", {"x": "$gone"}, "$r"),
        data={"gone": "source/gone.txt"},
    ),
    "empty folders": project(
        step("one", {"x": "$a"}, "$e", "files=x/y+z,empty"),
        step("two", {"x": "$e"}, "$p"),
        data={"e": {"type": "data_folder", "path": "output/hollow"}},
    ),
    "failures": project(
        step("bad", {"x": "$a"}, "$p", "fail"),
        step("after", {"x": "$p"}, "$q"),
        step("after that", {"x": "$q"}, "$r"),
        step("beside", {"x": "$a"}, "$s"),
        step("early", {"x": "$s"}, "$t", "early"),
        step("both", {"x": "$t", "y": "$s"}, "$u"),
        step("by argument", out="$v", args={"--ref": "$t"}),
    ),
    "optional left out": project(
        step("one", {"x": "$a"}, "$p"),
        step("maybe", {"x": "$p"}, "$q", optional=True),
        step("two", {"x": "$q", "y": "$p"}, "$r"),
        step("bad", {"x": "$a"}, "$s", "fail"),
        step("maybe too", {"x": "$s"}, "$t", optional=True),
        step("three", {"x": "$t"}, "$u"),
        data={"q": "source/b.csv"},
        output_dir=".",
    ),
    "optional included": project(
        step("one", {"x": "$a"}, "$p"),
        step("maybe", {"x": "$p"}, "$q", optional=True),
        step("two", {"x": "$q"}, "$r"),
        step("maybe bad", {"x": "$p"}, "$s", "fail", optional=True),
        step("three", {"x": "$s"}, "$t"),
        choices=LoomChoices(include=("maybe", "maybe bad")),
    ),
    "disabled": project(
        step("one", {"x": "$a"}, "$p", disabled=True),
        step("two", {"x": "$p"}, "$q"),
        step("three", {"x": "$q"}, "$r", disabled=True, optional=True),
        choices=LoomChoices(include=("three",)),
    ),
    "groups": project(
        {"group": "first", "steps": [step("one", {"x": "$a"}, "$p"), step("two", {"x": "$p"}, "$q")]},
        step("three", {"x": "$q"}, "$r"),
        {"group": "second", "steps": [step("four", {"x": "$r"}, "$s"), step("five", {"x": "$a"}, "$t", "early")]},
        {**step("six", {"x": "$s"}, "$u"), "group": "second"},
    ),
    "loop over the project": project(
        step("each", {"x": "$loop_item", "y": "$a"}, "$loop_output", loop={"over": "$in", "into": "$each"}),
        step("all", {"x": "$each"}, "$p"),
        data={"in": "source/frames", "each": "output/each"},
    ),
    "loop over what is made": project(
        step("make", {"x": "$a"}, "$frames", "files=b.txt+a.txt+.hidden+sub/c.txt"),
        step("each", {"x": "$loop_item"}, "$loop_output", loop={"over": "$frames", "into": "$each", "parallel": True}),
        step("again", out="$loop_output", args={"--ref": "$loop_item"}, loop={"over": "$each", "into": "$twice"}),
        step("all", {"x": "$twice", "y": "$each"}, "$p"),
        data={"frames": "output/frames", "each": "output/each", "twice": "output/twice"},
    ),
    "loop with a filter": project(
        step("each", {"x": "$loop_item"}, "$loop_output", loop={"over": "$in", "into": "$each", "filter": "*.png"}),
        step("deep", {"x": "$loop_item"}, "$loop_output", loop={"over": "$in", "into": "$d", "filter": "**/*.png"}),
        step("some", {"x": "$loop_item"}, "$loop_output", loop={"over": "$in", "into": "$s", "filter": "[12]*.png"}),
        step("folders", {"x": "$loop_item"}, "$loop_output", loop={"over": "$in", "into": "$f", "filter": "s*"}),
        step("all", {"x": "$each", "y": "$d", "z": "$f"}, "$p"),
        data={"in": "source/frames", "each": "output/each", "d": "output/deep", "s": "output/some", "f": "output/f"},
    ),
    "loop with a filter over what is made": project(
        step("make", {"x": "$a"}, "$made", "files=1.png+2.txt+sub/3.png+sub/sub/4.png"),
        step("each", {"x": "$loop_item"}, "$loop_output", loop={"over": "$made", "into": "$each", "filter": "*.png"}),
        step("deep", {"x": "$loop_item"}, "$loop_output", loop={"over": "$made", "into": "$d", "filter": "**/*"}),
        step("none", {"x": "$loop_item"}, "$loop_output", loop={"over": "$made", "into": "$n", "filter": "*.jpg"}),
        step("all", {"x": "$each", "y": "$d"}, "$p"),
        step("over none", {"x": "$loop_item"}, "$loop_output", loop={"over": "$n", "into": "$m"}),
        data={
            "made": "output/made",
            "each": "output/each",
            "d": "output/deep",
            "n": "output/none",
            "m": "output/m",
        },
    ),
    "loop that fails": project(
        step("make", {"x": "$a"}, "$made", "files=1.txt+2.txt+3.txt"),
        step("in order", {"x": "$loop_item"}, "$loop_output", "fail-on=2.txt", loop={"over": "$made", "into": "$b"}),
        step(
            "side by side",
            {"x": "$loop_item"},
            "$loop_output",
            "fail-on=2.txt",
            loop={"over": "$made", "into": "$c", "parallel": True},
        ),
        step("after", {"x": "$b"}, "$p"),
        step("after that", {"x": "$c"}, "$q"),
        step("beside", {"x": "$made"}, "$r"),
        data={"made": "output/made", "b": "output/b", "c": "output/c"},
    ),
    "loop over nothing": project(
        step("empty", {"x": "$a"}, "$none", "empty"),
        step("each", {"x": "$loop_item"}, "$loop_output", loop={"over": "$none", "into": "$made"}),
        step("after", {"x": "$made"}, "$p"),
        step("over none", {"x": "$loop_item"}, "$loop_output", loop={"over": "$made", "into": "$m"}),
        step("gone", {"x": "$loop_item"}, "$loop_output", loop={"over": "$gone", "into": "$n"}),
        step("after gone", {"x": "$n"}, "$q"),
        step("silent", {"x": "$loop_item"}, "$loop_output", "nothing", loop={"over": "source/frames", "into": "$s"}),
        step("over silent", {"x": "$loop_item"}, "$loop_output", loop={"over": "$s", "into": "$t"}),
        data={
            "none": "output/none",
            "made": "output/made",
            "m": "output/m",
            "gone": "source/gone",
            "n": "output/n",
            "s": "output/s",
            "t": "output/t",
        },
    ),
    "loop after a failure": project(
        step("make", {"x": "$a"}, "$made", "files=1.txt,fail"),
        step("each", {"x": "$loop_item"}, "$loop_output", loop={"over": "$made", "into": "$each"}),
        step("all", {"x": "$each"}, "$p"),
        data={"made": "output/made", "each": "output/each"},
    ),
    "loop with more": project(
        step(
            "each",
            {"y": "$a", "x": "$loop_item"},
            {"--out": "$loop_output", "--out-log": "$log"},
            args={"--also": "$loop_output", "--ref": "$loop_item", "--n": "$n"},
            loop={"over": "source/frames", "into": "output/each", "filter": "2.*"},
        ),
        step("after", {"x": "$log"}, "$p"),
        parameters={"n": 5},
    ),
    "predicates": project(
        condition("there", predicate="exists", inputs={"data": "$a"}),
        condition("not there", predicate="exists", inputs={"data": "$gone"}, negate=True),
        condition("a file", predicate="is_file", inputs={"data": "$frames"}),
        condition("a directory", predicate="is_dir", inputs={"data": "$frames"}),
        condition("some", predicate="non_empty", inputs={"data": "$frames"}),
        condition(
            "three", predicate="count", inputs={"data": "$frames"}, args={"pattern": "*.png", "op": "==", "n": 3}
        ),
        condition("few", predicate="count", inputs={"data": "$frames"}, args={"op": "<", "n": "$few"}),
        condition("on", predicate="param", inputs={"data": "$on"}),
        condition("off", predicate="param", inputs={"data": "$off"}),
        condition("wrong", predicate="count", inputs={"data": "$frames"}, args={"op": "~"}),
        condition("unheard", predicate="exists", inputs={"path": "$a"}),
        *(
            part
            for i, name in enumerate(
                ["there", "not there", "a file", "a directory", "some", "three", "few", "on", "off", "wrong", "unheard"]
            )
            for part in (
                switch(f"switch {i}", f"${name}", "$a"),
                step(f"then {i}", {"x": f"$switch {i}.then"}, f"output/then-{i}.txt"),
                step(f"else {i}", {"x": f"$switch {i}.else"}, f"output/else-{i}.txt"),
            )
        ),
        data={"frames": "source/frames", "gone": "source/gone"},
        parameters={"few": 3, "on": 1, "off": " No "},
    ),
    "conditions on what is made": project(
        step("make", {"x": "$a"}, "$made"),
        step("not", {"x": "$a"}, "$unmade", "nothing"),
        condition("is", predicate="non_empty", inputs={"data": "$made"}),
        condition("is not", predicate="exists", inputs={"data": "$unmade"}),
        switch("s", "$is", "$made"),
        switch("t", "$is not", "$made"),
        step("s then", {"x": "$s.then"}, "$p"),
        step("s else", {"x": "$s.else"}, "$q"),
        step("after s else", {"x": "$q"}, "$r"),
        step("t else", {"x": "$t.else", "y": "$p"}, "$u"),
        step("by argument", out="$v", args={"--n": 1, "--then": "$t.then"}),
        step("both", {"x": "$s.then", "y": "$t.then"}, "$w"),
    ),
    "conditions by scripts": project(
        step("make", {"x": "$a"}, "$made"),
        decide("yes", answer="$on"),
        decide("no", answer=0),
        decide("no no", answer=[], negate=True),
        condition("reads", script="tasks/decide.py", inputs={"result": "$made"}, args={"wanted": "source/a.txt"}),
        condition("broken", script="tasks/decide.py", inputs={}, args={"broken": True}),
        switch("s", "$yes", "$a"),
        switch("t", "$no", "$a"),
        switch("u", "$no no", "$made"),
        switch("v", "$reads", "$made"),
        switch("w", "$broken", "$a"),
        step("s then", {"x": "$s.then"}, "$p"),
        step("t then", {"x": "$t.then"}, "$q"),
        step("u then", {"x": "$u.then"}, "$r"),
        step("w then", {"x": "$w.then"}, "$x"),
        step("w else", {"x": "$w.else"}, "$y"),
        parameters={"on": "yes"},
    ),
    "switches on parameters": project(
        *(
            part
            for name in ("true", "false", "zero", "one", "text", "no text", "the text false", "nothing", "list")
            for part in (
                switch(f"s {name}", f"${name}", "$a"),
                step(f"then {name}", {"x": f"$s {name}.then"}, f"output/then {name}.txt"),
                step(f"else {name}", {"x": f"$s {name}.else"}, f"output/else {name}.txt"),
            )
        ),
        parameters={
            "true": True,
            "false": False,
            "zero": 0,
            "one": 0.5,
            "text": "x",
            "no text": "",
            "the text false": "false",
            "nothing": None,
            "list": [],
        },
    ),
    "switches after failures": project(
        step("bad", {"x": "$a"}, "$p", "fail"),
        condition("c", predicate="exists", inputs={"data": "$p"}),
        switch("s", "$c", "$a"),
        step("then", {"x": "$s.then"}, "$q"),
        decide("d", answer=False),
        switch("t", "$d", "$p"),
        step("t then", {"x": "$t.then"}, "$r"),
        step("t else", {"x": "$t.else"}, "$u"),
        step("after", {"x": "$u"}, "$v"),
    ),
    "gated loops and conditions": project(
        decide("d", answer=False),
        switch("s", "$d", "$in"),
        step("each", {"x": "$loop_item", "y": "$s.then"}, "$loop_output", loop={"over": "$in", "into": "$e"}),
        step("other", {"x": "$loop_item", "y": "$s.else"}, "$loop_output", loop={"over": "$in", "into": "$f"}),
        step("after", {"x": "$e"}, "$p"),
        step("after other", {"x": "$f"}, "$q"),
        condition("c", predicate="exists", inputs={"data": "$s.then"}),
        switch("t", "$c", "$a"),
        step("t then", {"x": "$t.then"}, "$r"),
        data={"in": "source/frames", "e": "output/e", "f": "output/f"},
    ),
    "chained switches": project(
        decide("yes"),
        decide("no", answer=False),
        switch("s", "$no", "$a"),
        switch("t", "$yes", "$s.then"),
        step("then", {"x": "$t.then"}, "$p"),
        step("else", {"x": "$t.else"}, "$q"),
        step("both", {"x": "$t.then", "y": "$s.else"}, "$r"),
        condition("broken", script="tasks/decide.py", args={"broken": True}),
        switch("u", "$broken", "$a"),
        switch("v", "$yes", "$u.then"),
        step("behind", {"x": "$v.then"}, "$t_"),
    ),
}


def passes(*steps: dict[str, Any], name: str = "passes", **keys: Any) -> dict[str, Any]:
    return {"group": name, "multi_pass": keys, "steps": list(steps)}


PASSES: dict[str, Project] = {
    "schedule": project(
        step("before", {"x": "$a"}, "$s"),
        passes(
            step("one", {"x": "$s"}, "$p", args={"--n": "$n", "--on": "$on", "--k": "$k"}),
            step("two", {"x": "$p"}, "$q", args={"--ref": "$p", "--n": "$n"}),
            schedule=[{"n": 1, "on": True}, {"n": 2.5, "on": False}, {"n": "x"}],
        ),
        step("after", {"x": "$q", "y": "$p"}, "$r"),
        parameters={"n": 0, "on": False, "k": 7},
    ),
    "expressions": project(
        passes(
            step("one", {"x": "$a"}, "$p", args={"--n": "$n", "--m": "$m"}),
            expressions={"n": "iter * 2 + 1", "m": "max(n, 3) / 2 if iter else int(4.7)"},
            count=3,
        ),
        parameters={"n": 0, "m": 0},
    ),
    "count": project(passes(step("one", {"x": "$a"}, "$p"), count=2), step("after", {"x": "$p"}, "$q")),
    "feedback": project(
        passes(
            step("one", {"x": "$a"}, "$p", args={"--n": 1}),
            step("two", {"x": "$p", "y": "$a"}, {"--out": "$q", "--out-2": "$r"}),
            count=3,
            feedback={"two.--out": "one.x", "two.--out-2": "one.--ref", "one.--out": "two.y"},
        ),
        step("after", {"x": "$r"}, "$s"),
    ),
    "early stop": project(
        passes(
            step("one", {"x": "$a"}, "$p", args={"--n": "$n"}),
            schedule=[{"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}],
            condition={
                "script": "tasks/decide.py",
                "inputs": {"result": "$p"},
                "args": {"wanted": "--n 2"},
            },
        ),
        step("after", {"x": "$p"}, "$q"),
        parameters={"n": 0},
    ),
    "no stop": project(
        passes(
            step("one", {"x": "$a"}, "$p", args={"--n": "$n"}),
            schedule=[{"n": 1}, {"n": 2}],
            condition={"script": "tasks/decide.py", "inputs": {"result": "$p"}, "args": {"wanted": "--n 9"}},
        ),
        step("after", {"x": "$p"}, "$q"),
        parameters={"n": 0},
    ),
    "stop fails": project(
        passes(
            step("one", {"x": "$a"}, "$p"),
            count=3,
            condition={"script": "tasks/decide.py", "args": {"broken": True}},
        ),
        step("after", {"x": "$p"}, "$q"),
        step("beside", {"x": "$a"}, "$r"),
    ),
    "stop fails at the end": project(
        passes(
            step("one", {"x": "$a"}, "$p"),
            count=1,
            condition={"script": "tasks/decide.py", "args": {"broken": True}},
        ),
        step("after", {"x": "$p"}, "$q"),
    ),
    "failure": project(
        passes(
            step("one", {"x": "$a"}, "$p", args={"--do": "$do"}),
            step("two", {"x": "$p"}, "$q"),
            schedule=[{"do": ""}, {"do": "fail"}, {"do": ""}],
        ),
        step("after", {"x": "$q"}, "$r"),
        step("beside", {"x": "$a"}, "$s"),
        parameters={"do": ""},
    ),
    "the last leaves nothing": project(
        passes(
            step("one", {"x": "$a"}, {"--out": "$p"}, args={"--do": "$do"}),
            step("two", {"x": "$a"}, {"--out": "$q"}),
            schedule=[{"do": ""}, {"do": "nothing"}],
        ),
        step("after", {"x": "$p", "y": "$q"}, "$r"),
        parameters={"do": ""},
    ),
    "none leaves anything": project(
        passes(step("one", {"x": "$a"}, "$p", args={"--do": "$do"}), schedule=[{"do": ""}, {"do": "nothing"}]),
        step("after", {"x": "$p"}, "$r"),
        parameters={"do": ""},
    ),
    "skipped": project(
        step("bad", {"x": "$a"}, "$s", "fail"),
        passes(step("one", {"x": "$s"}, "$p"), count=2),
        step("after", {"x": "$p"}, "$q"),
    ),
    "two groups": project(
        passes(step("one", {"x": "$a"}, "$p"), count=2, name="first"),
        passes(
            step("other", {"x": "$p"}, "$q"),
            name="second",
            count=2,
            feedback={"other.--out": "other.x"},
        ),
        step("after", {"x": "$q"}, "$r"),
    ),
}
TOGETHER |= {f"passes: {name}": one for name, one in PASSES.items()}

_CHAIN = (
    step("one", {"x": "$a"}, "$p", args={"--n": "$n"}),
    step("two", {"x": "$p"}, "$q", optional=True),
    step("three", {"x": "$q", "y": "$b"}, "$r"),
    step("off", {"x": "$r"}, "$s", disabled=True),
    step("four", {"x": "$r"}, "$t", args={"--n": "$n"}),
    passes(step("inner", {"x": "$t"}, "$u"), count=2),
    step("bad", {"x": "$u"}, "$v", "fail"),
)
_SOURCES = {
    **SOURCES,
    **{f"output/{name}.txt": f"old {name}\n" for name in "pqrt"},
}


def _chosen(**asked: Any) -> Project:
    return project(
        *_CHAIN, data={"b": "source/b.csv"}, parameters={"n": 1}, choices=LoomChoices(**asked), files=_SOURCES
    )


ALONE: dict[str, Project] = {
    "all": _chosen(),
    "step": _chosen(steps=("three",)),
    "steps": _chosen(steps=("two", "three", "off")),
    "step and extra": _chosen(steps=("four",), extra="--more 1  -v 'x y'"),
    "step of passes": _chosen(steps=("passes",)),
    "from": _chosen(first="three"),
    "from an optional one": _chosen(first="two", include=("two",)),
    "include": _chosen(include=("two", "off")),
    "set": _chosen(parameters=("n=2.50",)),
    "set true": _chosen(parameters=("n=TRUE",)),
    "set text": _chosen(parameters=("n=a=b",)),
    "var": _chosen(data=("a=source/frames/1.png", "r=output/other/r.txt")),
    "in place": _chosen(include=("two",), in_place=True),
    "loops in place": project(
        step("make", {"x": "$a"}, "$made", "files=1.txt+2.txt"),
        step("each", {"x": "$loop_item"}, "$loop_output", loop={"over": "$made", "into": "$e", "parallel": True}),
        step("all", {"x": "$e"}, "$p"),
        data={"made": "output/made", "e": "output/e"},
        choices=LoomChoices(in_place=True),
    ),
    "steps in parallel": project(
        step("two", {"x": "$p"}, "$q"),
        step("one", {"x": "$a"}, "$p"),
        step("three", {"x": "$q", "y": "$s"}, "$r"),
        step("each", {"x": "$loop_item"}, "$loop_output", loop={"over": "$in", "into": "$e", "parallel": True}),
        step("fails", {"x": "$loop_item"}, "$loop_output", "fail-on=10.png", loop={"over": "$in", "into": "$f"}),
        step("bad", {"x": "$e"}, "$s", "fail"),
        decide("d"),
        switch("w", "$d", "$q"),
        step("then", {"x": "$w.then"}, "$t"),
        step("else", {"x": "$w.else"}, "$u"),
        step("after else", {"x": "$u"}, "$v"),
        data={"in": "source/frames", "e": "output/e", "f": "output/f"},
        execution={"parallel": True, "max_workers": 2},
    ),
}
