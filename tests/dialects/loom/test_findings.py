"""Test that mistakes in a Loom file are reported where they are; Loom itself reports most of them late or never."""

from pathlib import Path

import pytest

from tests.dialects.loom.marks import check, edges
from translator.dialects.loom.choices import LoomChoices
from translator.load import load_text

CASES = {
    "a cycle": """
data: {a: output/a, b: output/b}
execution: {parallel: true}
pipeline:
  - {name: one, task: o.py, inputs: {b: $b}, outputs: {-o: $a}} #! error cycle
  - {name: two, task: t.py, inputs: {a: $a}, outputs: {-o: $b}}
""",
    "a cycle in the order of the file": """
data: {a: output/a, b: output/b}
pipeline:
  - {name: one, task: o.py, inputs: {b: $b}, outputs: {-o: $a}} #! error cycle
  - {name: two, task: t.py, inputs: {a: $a}, outputs: {-o: $b}}
""",
    "a step that reads what it makes": """
data: {a: output/a}
pipeline:
  - {name: one, task: o.py, inputs: {a: $a}, outputs: {-o: $a}} #! error cycle
""",
    "a consumer before its producer": """
data: {a: output/a, b: output/b}
pipeline:
  - {name: use, task: u.py, inputs: {a: $a}, outputs: {-o: $b}} #! error used-before-made
  - {name: make, task: m.py, outputs: {-o: $a}}
""",
    "with parallel steps the order is that of the data": """
data: {a: output/a, b: output/b}
execution: {parallel: true}
pipeline:
  - {name: use, task: u.py, inputs: {a: $a}, outputs: {-o: $b}}
  - {name: make, task: m.py, outputs: {-o: $a}}
""",
    "references to nothing": """
data: {frames: frames}
parameters: {size: 3}
pipeline:
  - name: s
    task: s.py
    inputs: {a: $frame} #! error unknown-reference
    outputs: {-o: $out} #! error unknown-reference
    args:
      --size: $Size #! error unknown-reference
      --item: $loop_item #! error unknown-reference
      --env: "${X}"
      --text: a$b
  - name: t
    task: t.py
    loop: {over: $frams, into: $size} #! error unknown-reference; note outside-output-dir
""",
    "references in switches": """
data: {a: a}
pipeline:
  - {name: c, kind: condition, predicate: exists, inputs: {data: $a}}
  - {name: lost, kind: switch, condition: $cc, data: $a} #! error unknown-reference
  - {name: one, task: o.py, inputs: {a: $lost.then}}
  - {name: sw, kind: switch, condition: $c, data: $b} #! error unknown-reference
  - {name: two, task: o.py, inputs: {a: $sw.else}}
  - {name: three, task: o.py, inputs: {a: $sw.otherwise}} #! error unknown-branch
  - {name: four, task: o.py, inputs: {a: $sw}} #! error unknown-reference
  - {name: five, task: o.py, inputs: {a: $c}} #! error unknown-reference
  - {name: bare, kind: switch, condition: $c} #! error missing-key
  - {name: six, task: o.py, inputs: {a: $bare.then}}
""",
    "a file that two steps write": """
data: {a: output/a.txt, same: output/./a.txt}
pipeline:
  - {name: one, task: o.py, outputs: {-o: $a}}
  - {name: two, task: t.py, outputs: {-o: $same}} #! error two-writers
  - {name: three, task: t.py, outputs: {-o: output/a.txt}} #! error two-writers
""",
    "branches and optional steps may write the same": """
data: {raw: raw, a: output/a.txt, b: output/b.txt}
parameters: {p: true}
pipeline:
  - {name: way, kind: switch, condition: $p, data: $raw}
  - {name: one, task: o.py, inputs: {raw: $way.then}, outputs: {-o: $a}}
  - {name: two, task: t.py, inputs: {raw: $way.else}, outputs: {-o: $a}}
  - {name: three, task: t.py, outputs: {-o: $b}}
  - {name: four, task: t.py, optional: true, outputs: {-o: $b}}
""",
    "one branch may not": """
data: {raw: raw, a: output/a.txt}
parameters: {p: true}
pipeline:
  - {name: way, kind: switch, condition: $p, data: $raw}
  - {name: one, task: o.py, inputs: {raw: $way.then}, outputs: {-o: $a}}
  - {name: two, task: t.py, inputs: {raw: $way.then}, outputs: {-o: $a}} #! error two-writers
""",
    "a file inside another's folder": """
data: {run: {type: data_folder, path: output/run}, best: output/run/best.bin, twin: {path: output/twin}}
pipeline:
  - {name: train, task: t.py, outputs: {-o: $run, -t: output/twin}}
  - {name: use, task: u.py, inputs: {best: $best}} #! warning undeclared-dependency
  - {name: see, task: u.py, inputs: {twin: $twin, run: $run}} #! warning undeclared-dependency
""",
    "a directory of another's file": """
data: {model: output/run/model.bin, run: output/run}
pipeline:
  - {name: train, task: t.py, outputs: {-o: $model}}
  - {name: use, task: u.py, inputs: {run: $run}} #! warning undeclared-dependency
""",
    "where steps write": """
data:
  up: ../up.txt
  root: /tmp/root.txt
  allowed: {path: ../allowed.txt, allow_outside_pipeline: true}
  near: near.txt
  fine: output/fine.txt
pipeline:
  - name: s
    task: s.py
    outputs:
      -a: $up #! error outside-pipeline
      -b: $root #! error outside-pipeline
      -c: $allowed #! note outside-pipeline
      -d: $near #! note outside-output-dir
      -e: $fine
      -f: output/../../f.txt #! error outside-pipeline
""",
    "another output folder": """
data: {a: made/a, b: output/b}
output_dir: made
pipeline:
  - {name: s, task: s.py, outputs: {-a: $a, -b: $b}} #! note outside-output-dir
""",
    "urls": """
data: {page: "https://example.org/a.txt", other: "http://example.org/"}
pipeline:
  - {name: s, task: s.py, inputs: {page: $page}, outputs: {-o: $other}} #! error bad-output
  - {name: t, task: t.py, args: {--page: $page}} #! error url-in-argument
""",
    "nesting": """
data:
  a: {path: a, nested_in: $b} #! error nested-cycle
  b: {path: b, nested_in: a} #! error nested-cycle
  c: {path: c, nested_in: $aa} #! error unknown-reference
pipeline: [{name: s, task: s.py}]
""",
    "nested paths": """
data:
  a: output/a
  b: {path: ../b, nested_in: $a} #! error not-nested
  c: {path: /tmp/c, nested_in: $a} #! error not-nested
  d: {path: "${X}/d", nested_in: $a}
  e: {path: x/../e, nested_in: $a}
pipeline: [{name: s, task: s.py}]
""",
    "data nodes": """
data:
  a: {type: csv} #! error missing-key
  b: [x] #! error bad-type
  c: #! error bad-type
  d: {type: cvs, path: d, colour: red} #! warning unknown-type; warning unknown-key
  e: {path: 3} #! error bad-type
pipeline: [{name: s, task: s.py}]
""".replace("  c: #! error bad-type", "  c: null #! error bad-type"),
    "steps": """
pipeline:
  - {task: s.py} #! error missing-key
  - {name: a} #! error missing-key
  - {name: b, task: 3} #! error bad-type; error missing-key
  - {name: c, task: c.py, optional: maybe, disabled: 1} #! error bad-type; error bad-type
  - {name: d, task: d.py, input: {}} #! warning unknown-key
  - {name: e, task: e.py, inputs: [x], outputs: {-o: 3}, args: x} #! error bad-type; error bad-type; error bad-type
  - {name: f, kind: conditon} #! error unknown-kind
  - {name: g, task: g.py, args: {1: 2}} #! error key-not-text
  - text #! error bad-type
  - {group: h, steps: {}} #! error bad-type
""",
    "conditions and switches": """
pipeline:
  - {name: a, kind: condition} #! error missing-key
  - {name: b, kind: condition, predicate: exists, script: c.py} #! error missing-key
  - {name: c, kind: condition, predicate: exist} #! error unknown-predicate
  - {name: d, kind: switch} #! error missing-key
""",
    "two of a name": """
pipeline:
  - {name: a, task: a.py}
  - {group: g, steps: [{name: a, task: b.py}]} #! error duplicate-name
""",
    "names that parameters of the run have": """
data: {raw: raw}
parameters:
  data.raw: 3 #! error taken-name
  include.s: 3 #! error taken-name
  data.other: 3
pipeline: [{name: s, task: s.py, inputs: {raw: $raw}}]
""",
    "two arguments of a name": """
data: {x: x, y: output/y}
pipeline:
  - {name: s, task: s.py, inputs: {a: $x}, outputs: {a: $y}} #! error duplicate-name
""",
    "loops": """
data: {x: x, y: output/y}
pipeline:
  - {name: a, task: s.py, loop: [x]} #! error bad-type
  - {name: b, task: s.py, loop: {over: $x}} #! error missing-key
  - {name: c, task: s.py, loop: {over: 3, into: $y}} #! error missing-key
  - {name: d, task: s.py, loop: {over: $x, into: $y, filter: 3, parallel: 2}} #! error bad-type; error bad-type
  - {name: e, task: s.py, loop: {over: $x, into: $y, each: 1}} #! warning unknown-key
""",
    "sections": """
data: [x] #! error bad-type
parameters: x #! error bad-type
execution: {parallel: 1, max_workers: 0, maxworkers: 1} #! error bad-type; error bad-type; warning unknown-key
output_dir: 3 #! error bad-type
variables: {a: b} #! error old-variables
varibles: {} #! warning unknown-key
pipeline: [{name: s, task: s.py}]
""",
    "values that no command line can hold": """
parameters: {list: [1, 2], nothing: null}
pipeline:
  - name: s
    task: s.py
    args:
      --list: $list #! note value-as-text
      --nothing: $nothing #! note value-as-text
""",
    "no steps": """
pipeline: {} #! error missing-key
data: {}
""",
}


@pytest.mark.parametrize("text", CASES.values(), ids=CASES.keys())
def test_findings(text: str):
    check(text)


HINTS = [
    ("args: {--p: $nmae}", "did you mean 'name'?"),
    ("args: {--p: $frame}", "did you mean 'frames'?"),
    ("args: {--p: $loop_item}", "it is defined only in steps with 'loop'"),
    ("args: {--p: $ask}", "use the result of a condition in a switch: condition: $ask"),
    ("args: {--p: $way}", "name a branch: $way.then or $way.else"),
    ("args: {--p: $way.els}", "did you mean 'else'?"),
    ("inputs: {p: $inside}", "set 'nested_in: $folder' on the data node"),
    ("kind: taks", "did you mean 'task'?"),
    ("optinal: true", "did you mean 'optional'?"),
]


@pytest.mark.parametrize(("line", "hint"), HINTS)
def test_hints(line: str, hint: str):
    text = f"""
data: {{frames: frames, folder: output/folder, inside: output/folder/x}}
parameters: {{name: x}}
pipeline:
  - {{name: make, task: m.py, outputs: {{-o: $folder}}}}
  - {{name: ask, kind: condition, predicate: exists, inputs: {{data: $frames}}}}
  - {{name: way, kind: switch, condition: $ask, data: $frames}}
  - name: s
    task: s.py
    {line}
"""
    (finding,) = load_text(text, dialect="loom").diagnostics
    assert finding.hint == hint


def test_an_undeclared_dependency_still_orders_steps():
    text = """
data: {folder: output/folder, inside: output/folder/x}
pipeline:
  - {name: make, task: m.py, outputs: {-o: $folder}}
  - {name: use, task: u.py, inputs: {x: $inside}} #! warning undeclared-dependency
"""
    assert edges(check(text).choose()) == ["make -> use.x"]


def test_nesting_declares_it():
    text = """
data: {folder: output/folder, inside: {path: x, nested_in: $folder}}
pipeline:
  - {name: make, task: m.py, outputs: {-o: $folder}}
  - {name: use, task: u.py, inputs: {x: $inside}}
"""
    assert edges(check(text).choose()) == ["make -> use.x"]


SCRIPT = '''\
"""Blurs.

---
inputs:
  image: {type: image}
  mask: A mask
outputs:
  -o: {type: image}
args:
  --size: {type: int, required: true}
  --kind: {type: str, choices: [box, gauss]}
  --rate: {type: float, default: 0.5}
  --deep: {type: bool}
---
"""
'''
CALLS = [
    "inputs: {image: $a, mask: $b}\n    outputs: {-o: $c}\n    args: {--size: 3, --kind: box, --rate: 1, --deep: true}",
    "inputs: {mask: $b, image: $a} #! warning unlike-script\n    args: {--size: 1}",
    "inputs: {image: $a} #! warning unlike-script\n    args: {--size: 1}",
    "inputs: {imag: $a, mask: $b} #! warning unlike-script\n    args: {--size: 1}",
    "inputs: {image: $a, mask: $b} #! warning unlike-script",
    "inputs: {image: $a, mask: $b}\n    outputs: {-x: $c} #! warning unlike-script\n    args: {--size: 1}",
    "inputs: {image: $a, mask: $b}\n    args: {--size: 1, --sise: 1} #! warning unlike-script",
    "inputs: {image: $a, mask: $b}\n    args: {--size: 1.5} #! warning unlike-script",
    "inputs: {image: $a, mask: $b}\n    args: {--size: $size} #! warning unlike-script",
    "inputs: {image: $a, mask: $b}\n    args: {--size: 1, --kind: round} #! warning unlike-script",
    "inputs: {image: $a, mask: $b}\n    args: {--size: 1, --rate: fast} #! warning unlike-script",
    "inputs: {image: $a, mask: $b}\n    args: {--size: 1, --deep: 1} #! warning unlike-script",
    "inputs: {image: $a, mask: $b}\n    args: {--size: '${SIZE}', --kind: box}",
]


@pytest.mark.parametrize("call", CALLS)
def test_calls_are_checked_against_the_frontmatter(tmp_path: Path, call: str):
    for name in ("a", "b"):
        (tmp_path / name).touch()
    (tmp_path / "s.py").write_text(SCRIPT)
    text = f"""\
data: {{a: a, b: b, c: output/c}}
parameters: {{size: big}}
pipeline:
  - name: s
    task: s.py
    {call}
"""
    loaded = load_text(text, dialect="loom", project=tmp_path)
    assert [d.code for d in loaded.diagnostics] == ["unlike-script"] * call.count("#!"), list(loaded.diagnostics)


@pytest.mark.parametrize(
    "script",
    [
        "",
        "x = (",
        '"""No frontmatter."""',
        '"""\n---\n[\n---\n"""',
        '"""\n---\n- a\n---\n"""',
        '"""\n---\ninputs: 3\n---\n"""',
    ],
)
def test_a_script_without_frontmatter_is_not_checked(tmp_path: Path, script: str):
    (tmp_path / "s.py").write_text(script)
    check("pipeline: [{name: s, task: s.py, args: {--x: 1}}]", tmp_path)


def test_scripts_and_files_that_are_missing(tmp_path: Path):
    (tmp_path / "there.csv").touch()
    (tmp_path / "folder").mkdir()
    text = """\
data: {a: there.csv, b: gone.csv, c: output/c, d: "${X}/d.csv", e: "https://example.org/e"}
pipeline:
  - name: s
    task: s.py #! error missing-script
    inputs: {a: $a, b: $b, d: $d, e: $e} #! warning missing-file
    outputs: {-o: $c}
  - {name: t, task: folder, inputs: {c: $c}} #! error missing-script
  - {name: u, task: "${X}/u.py"}
  - {name: v, kind: condition, script: v.py, inputs: {b: $b}} #! error missing-script
"""
    check(text, tmp_path)


def test_a_missing_file_of_a_step_that_is_left_out(tmp_path: Path):
    text = """
data: {a: a.csv, b: output/b.csv}
pipeline:
  - {name: s, task: s.py, inputs: {a: $a}, outputs: {-o: $b}}
  - {name: t, task: t.py, inputs: {b: $b}}
"""
    for name in ("s.py", "t.py", "a.csv"):
        (tmp_path / name).touch()
    for choices in (LoomChoices(steps=("t",)), LoomChoices(first="t")):
        (only,) = load_text(text, "pipeline.yml", project=tmp_path, choices=choices).diagnostics
        assert (only.code, only.span and only.span.line) == ("missing-file", 5)
        assert only.hint == "run 's', too, or take its files from an earlier run with --run latest"
    assert not list(load_text(text, "pipeline.yml", project=tmp_path).diagnostics)
    earlier = LoomChoices(steps=("t",), run="latest")
    assert not list(load_text(text, "pipeline.yml", project=tmp_path, choices=earlier).diagnostics)


def test_files_are_not_checked_without_a_project():
    check("data: {a: gone.csv}\npipeline: [{name: s, task: s.py, inputs: {a: $a}}]")
