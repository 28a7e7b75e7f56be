"""List the codes of findings that only Loom's pipelines have."""

from translator.rules.examples import loom
from translator.rules.model import ERROR, NOTE, WARNING, Rule

RULES = (
    Rule(
        "bad-expression",
        (ERROR,),
        "an expression is invalid or fails",
        "Correct the expression: Python with numbers, parameters and `iter`.",
        loom(
            "parameters: {rate: 0.5}\n"
            "pipeline:\n"
            "  - group: refine\n"
            "    multi_pass: {count: 2, expressions: {rate: 'iter +'}}\n"
            "    steps: [{name: fit, task: fit.py, args: {--rate: $rate}}]\n"
        ),
    ),
    Rule(
        "bad-feedback",
        (ERROR,),
        "`feedback` does not connect an output and an input of its group",
        "Write `STEP.FLAG: STEP.INPUT`.",
        loom(
            "pipeline:\n"
            "  - group: refine\n"
            "    multi_pass: {count: 2, feedback: {fit: fit.x}}\n"
            "    steps: [{name: fit, task: fit.py, outputs: {-o: output/x}}]\n"
        ),
    ),
    Rule(
        "bad-output",
        (ERROR,),
        "a step cannot write to this path",
        "Write a path in the project.",
        loom("pipeline:\n  - {name: fit, task: fit.py, outputs: {-o: 'http://example.com/x'}}\n"),
    ),
    Rule(
        "disabled-step",
        (NOTE,),
        "a step is disabled and left out",
        "No change is needed. `--include STEP` runs the step.",
        loom("pipeline:\n  - {name: fit, task: fit.py}\n  - {name: plot, task: plot.py, disabled: true}\n"),
    ),
    Rule(
        "ignored-flag",
        (WARNING,),
        "Loom ignores this flag in `multi_pass`",
        "Remove it, or take the step out of the group.",
        loom(
            "pipeline:\n"
            "  - group: refine\n"
            "    multi_pass: {count: 2}\n"
            "    steps: [{name: fit, task: fit.py, optional: true}]\n"
        ),
    ),
    Rule(
        "missing-condition",
        (ERROR,),
        "a switch needs a condition that is not part of the run",
        "Run the condition as well.",
    ),
    Rule(
        "nested-cycle",
        (ERROR,),
        "a data node is nested in itself",
        "Remove one `nested_in`.",
        loom("data:\n  a: {path: a, nested_in: $a}\npipeline: [{name: fit, task: fit.py}]\n"),
    ),
    Rule(
        "not-nested",
        (ERROR,),
        "a data node is not inside the one that it is nested in",
        "Write a path below that of the other data node.",
        loom("data:\n  a: output/a\n  b: {path: ../b, nested_in: $a}\npipeline: [{name: fit, task: fit.py}]\n"),
    ),
    Rule(
        "old-variables",
        (ERROR,),
        "Loom no longer supports `variables`",
        "List the files in `data`.",
        loom("variables: {a: a.csv}\npipeline: [{name: fit, task: fit.py}]\n"),
    ),
    Rule(
        "outside-output-dir",
        (NOTE,),
        "a step writes outside `output_dir`",
        "Write below `output_dir`, so that Loom's `--clean` removes the file.",
        loom("output_dir: made\npipeline:\n  - {name: fit, task: fit.py, outputs: {-o: output/x}}\n"),
    ),
    Rule(
        "outside-pipeline",
        (ERROR, NOTE),
        "a step writes outside the file's directory",
        "Write below it, or run the steps that read the files on a machine that has them.",
        loom(
            "data: {x: {path: ../x, allow_outside_pipeline: true}}\n"
            "pipeline:\n"
            "  - {name: fit, task: fit.py, outputs: {-o: $x}}\n"
        ),
    ),
    Rule(
        "sequential-loop",
        (NOTE,),
        "Loom processes these files one at a time",
        "Remove `parallel: true` from `execution` to process the files in parallel.",
        loom(
            "execution: {parallel: true}\n"
            "pipeline:\n"
            "  - {name: fit, task: fit.py, loop: {over: a, into: output/b, parallel: true}}\n",
            {"a/1.csv": ""},
        ),
    ),
    Rule(
        "switch-cycle",
        (ERROR,),
        "the data of a switch refers to its own branch",
        "Use other data.",
    ),
    Rule(
        "taken-name",
        (ERROR,),
        "a parameter has the name of something else",
        "Rename the parameter.",
        loom("data: {raw: raw}\nparameters: {data.raw: 3}\npipeline: [{name: fit, task: fit.py}]\n"),
    ),
    Rule(
        "too-many-iterations",
        (ERROR,),
        "`multi_pass` has too many iterations",
        "Use at most 1,000.",
        loom("pipeline:\n  - group: refine\n    multi_pass: {count: 1001}\n    steps: [{name: fit, task: fit.py}]\n"),
    ),
    Rule(
        "two-writers",
        (ERROR,),
        "two steps write the same path",
        "Use different paths.",
        loom(
            "pipeline:\n"
            "  - {name: fit, task: fit.py, outputs: {-o: output/x}}\n"
            "  - {name: plot, task: plot.py, outputs: {-o: output/x}}\n"
        ),
    ),
    Rule(
        "undeclared-dependency",
        (WARNING,),
        "a step reads what another writes, but the file does not declare this",
        "Use the same data node in both steps.",
        loom(
            "data: {model: output/run/model.bin, run: output/run}\n"
            "pipeline:\n"
            "  - {name: fit, task: fit.py, outputs: {-o: $model}}\n"
            "  - {name: use, task: use.py, inputs: {run: $run}}\n"
        ),
    ),
    Rule(
        "unknown-branch",
        (ERROR,),
        "a switch has no branch of this name",
        "Use `then` or `else`.",
        loom(
            "data: {frames: frames}\n"
            "pipeline:\n"
            "  - {name: ask, kind: condition, predicate: exists, inputs: {data: $frames}}\n"
            "  - {name: way, kind: switch, condition: $ask, data: $frames}\n"
            "  - {name: fit, task: fit.py, inputs: {data: $way.els}}\n",
            {"frames/1.png": ""},
        ),
    ),
    Rule(
        "unknown-kind",
        (ERROR,),
        "Loom has no steps of this kind",
        "Correct the kind: `task`, `condition`, `switch`.",
        loom("pipeline:\n  - {name: fit, kind: taks, task: fit.py}\n"),
    ),
    Rule(
        "unknown-predicate",
        (ERROR,),
        "Loom has no predicate of this name",
        "Correct the name.",
        loom(
            "data: {a: a}\npipeline:\n  - {name: ask, kind: condition, predicate: exist, inputs: {data: $a}}\n",
            {"a": ""},
        ),
    ),
    Rule(
        "unknown-reference",
        (ERROR,),
        "a reference names nothing in the file",
        "Correct the name after `$`.",
        loom("data: {raw: raw.csv}\npipeline:\n  - {name: fit, task: fit.py, inputs: {a: $row}}\n"),
    ),
    Rule(
        "unlike-script",
        (WARNING,),
        "a step passes something that its script does not declare, or the reverse",
        "Correct the step, or the description at the top of the script.",
        loom(
            "pipeline:\n  - {name: fit, task: fit.py, args: {--rat: 1}}\n",
            {"fit.py": '"""Fits.\n\n---\nargs:\n  --rate: {type: float, default: 0.5}\n---\n"""\n'},
        ),
    ),
    Rule(
        "unsupported-in-multi-pass",
        (ERROR,),
        "Loom cannot run this in `multi_pass`",
        "Take the step out of the group.",
        loom(
            "pipeline:\n"
            "  - group: refine\n"
            "    multi_pass: {count: 2}\n"
            "    steps: [{name: fit, task: fit.py, loop: {over: a, into: output/b}}]\n",
            {"a/1.csv": ""},
        ),
    ),
    Rule(
        "unsupported-optional-condition",
        (ERROR,),
        "Loom's switches fail without an optional condition",
        "Make the switch optional, too, or the condition required.",
    ),
    Rule(
        "url-in-argument",
        (ERROR,),
        "Loom does not download URLs in arguments",
        "Pass the URL as an input.",
        loom(
            "data: {page: 'https://example.com/a'}\npipeline:\n  - {name: fit, task: fit.py, args: {--page: $page}}\n"
        ),
    ),
    Rule(
        "used-before-made",
        (ERROR,),
        "a step is listed before another that writes what it reads",
        "List it later, or set `execution: {parallel: true}`.",
        loom(
            "data: {a: output/a}\n"
            "pipeline:\n"
            "  - {name: use, task: use.py, inputs: {a: $a}}\n"
            "  - {name: make, task: make.py, outputs: {-o: $a}}\n"
        ),
    ),
    Rule(
        "value-as-text",
        (NOTE,),
        "Loom passes this value as a string",
        "No change is needed if the script expects a string.",
        loom("parameters: {sizes: [1, 2]}\npipeline:\n  - {name: fit, task: fit.py, args: {--sizes: $sizes}}\n"),
    ),
)
