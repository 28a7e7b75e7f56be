"""List the codes of findings that only control-flow graphs have: Magnus and runnable."""

from translator.rules.examples import magnus, runnable
from translator.rules.model import ERROR, NOTE, WARNING, Example, Rule

_ENDS = "success: {type: success}, fail: {type: fail}"


def _branch(step: str) -> str:
    """Return a graph of Magnus with one step."""
    return f"{{start_at: s, steps: {{s: {step}, {_ENDS}}}}}"


RULES = (
    Rule(
        "bad-items",
        (WARNING,),
        "a map cannot iterate over this value",
        "Give the parameter a list of strings, integers or booleans.",
        magnus(
            "first:\n  type: map\n  iterate_on: rates\n  iterate_as: rate\n  next: success\n"
            "  branch: " + _branch("{type: stub, next: success}") + "\n",
            files={"p.yaml": "rates: [0.5]\n"},
            arguments=("check", "FILE", "--parameters-file", "p.yaml"),
        ),
    ),
    Rule(
        "bad-limit",
        (WARNING,),
        "runnable runs a loop at least once",
        "Set `max_iterations` to 1 or more.",
        runnable(
            "first:\n  type: loop\n  max_iterations: 0\n  break_on: done\n  index_as: i\n  next: success\n"
            "  branch: {start_at: s, steps: {s: {type: stub, next: success}}}\n"
        ),
    ),
    Rule(
        "bad-name",
        (ERROR,),
        "a name is invalid",
        "The message says what the name may contain.",
        magnus(
            "first: {type: stub, next: success}\n",
            files={"p.yaml": "1: x\n"},
            arguments=("check", "FILE", "--parameters-file", "p.yaml"),
        ),
    ),
    Rule(
        "bad-pattern",
        (ERROR,),
        "a pattern of the catalog is invalid",
        "Write a pattern relative to the project directory.",
        magnus("first: {type: stub, catalog: {put: [/x]}, next: success}\n"),
    ),
    Rule(
        "bad-value",
        (ERROR,),
        "a value is invalid",
        "The message says what is expected.",
        magnus("first: {type: task, command_type: shell, command: date, secrets: 5, next: success}\n"),
    ),
    Rule(
        "empty-catalog",
        (WARNING,),
        "a step gets files from the catalog before any step puts some",
        "Put the files in an earlier step; otherwise this step fails.",
        magnus("first: {type: stub, catalog: {get: [model.pkl]}, next: success}\n"),
    ),
    Rule(
        "file-race",
        (WARNING,),
        "two branches put the same file into the catalog",
        "Use different names: the last branch in the file wins.",
        magnus(
            "first:\n  type: parallel\n  next: success\n  branches:\n"
            + "".join(
                f"    {name}: " + _branch("{type: stub, catalog: {put: [m.pkl]}, next: success}") + "\n"
                for name in "ab"
            )
        ),
    ),
    Rule(
        "ignored-default",
        (NOTE, WARNING),
        "a default is never used",
        "Remove it; `on_failure` handles a value without a branch.",
        runnable(
            "first:\n  type: conditional\n  parameter: c\n  next: success\n"
            "  default: {start_at: s, steps: {s: {type: stub, next: success}}}\n"
            "  branches: {x: {start_at: s, steps: {s: {type: stub, next: success}}}}\n"
        ),
    ),
    Rule(
        "ignored-key",
        (NOTE,),
        "a key is ignored, as in the source engine",
        "Correct its name, or remove it.",
        Example(
            magnus("first: {type: stub, next: success}\n").text + "  descripton: x\n",
            "pipeline.yaml",
        ),
    ),
    Rule(
        "ignored-max-attempts",
        (NOTE,),
        "the source engine never retries steps",
        "Set `retries` in `translator.toml` to repeat steps when the infrastructure fails.",
        runnable("first: {type: task, command_type: shell, command: date, max_attempts: 3, next: success}\n"),
    ),
    Rule(
        "ignored-overrides",
        (NOTE,),
        "`overrides` only configures the source engine's executors",
        "Configure the target engine in `translator.toml`.",
        magnus("first: {type: stub, overrides: {argo: x}, next: success}\n"),
    ),
    Rule(
        "legacy-key",
        (NOTE,),
        "a key of Magnus 0.4 is ignored",
        "Remove it: Magnus 0.5 rejects it.",
        magnus("first: {type: task, command_type: shell, command: date, retry: 3, next: success}\n"),
    ),
    Rule(
        "legacy-type",
        (NOTE,),
        "a type of Magnus 0.4 is translated as a stub",
        "Write `type: stub`.",
        magnus("first: {type: as-is, next: success}\n"),
    ),
    Rule(
        "missing-end",
        (ERROR,),
        "a graph of Magnus has no `success` or `fail` step",
        "Add `fail: {type: fail}` or `success: {type: success}`.",
        Example(
            "dag:\n  start_at: first\n  steps:\n    first: {type: stub, next: success}\n    success: {type: success}\n",
            "pipeline.yaml",
            {},
            ("check", "FILE", "--dialect=magnus"),
        ),
    ),
    Rule(
        "missing-key",
        (ERROR,),
        "a required key is missing",
        "Add the key.",
        magnus("first: {type: task, command_type: shell, next: success}\n"),
    ),
    Rule(
        "missing-function",
        (WARNING,),
        "a module of the project does not define the function that a step calls",
        "Correct the name.",
        magnus(
            "first: {type: task, command: steps.fti, next: success}\n",
            files={"steps.py": "def fit():\n    print(1)\n"},
        ),
    ),
    Rule(
        "missing-module",
        (WARNING,),
        "a module is neither in the project nor installed here",
        "Correct the name, or name the directory with `--project`. Ignore it for a module that only workers have.",
        magnus("first: {type: task, command: stesp.fit, next: success}\n"),
    ),
    Rule(
        "parameter-race",
        (WARNING,),
        "two branches write the same parameter",
        "Use different names: the last branch in the file wins.",
        runnable(
            "first:\n  type: parallel\n  next: success\n  branches:\n"
            + "".join(
                f"    {name}: {{start_at: s, steps: {{s: {{type: task, command_type: shell, command: 'export x=1', "
                "returns: [{name: x}], next: success}}}\n"
                for name in "ab"
            )
        ),
    ),
    Rule(
        "repeated-item",
        (ERROR,),
        "a map names its item like an enclosing map",
        "Choose another name for `iterate_as`.",
        magnus(
            "first:\n  type: map\n  iterate_on: xs\n  iterate_as: x\n  next: success\n  branch: "
            + _branch(
                "{type: map, iterate_on: xs, iterate_as: x, next: success, branch: "
                + _branch("{type: stub, next: success}")
                + "}"
            )
            + "\n",
            files={"p.yaml": "xs: [1]\n"},
            arguments=("check", "FILE", "--parameters-file", "p.yaml"),
        ),
    ),
    Rule(
        "replaced-step",
        (WARNING,),
        "runnable replaces a step with an end of the graph",
        "Rename the step.",
    ),
    Rule(
        "starts-at-end",
        (WARNING,),
        "a graph starts at its end",
        "Start at another step; otherwise no step runs.",
        magnus("", start="success"),
    ),
    Rule(
        "too-many-files",
        (ERROR,),
        "the pipeline includes too many files",
        "Include fewer files, or fewer levels of them.",
    ),
    Rule(
        "two-ends",
        (ERROR,),
        "a graph has two ends of the same type",
        "Remove one of them; runnable adds `success` and `fail` itself.",
        magnus("first: {type: stub, next: success}\ndone: {type: success}\n"),
    ),
    Rule(
        "unfilled-arguments",
        (WARNING,),
        "a function has arguments that nothing passes",
        "Give the arguments defaults, or name parameters that exist.",
        magnus(
            "first: {type: task, command: steps.fit, next: success}\n",
            files={"steps.py": "def fit(*rates):\n    print(rates)\n"},
        ),
    ),
    Rule(
        "unknown-type",
        (ERROR, WARNING),
        "there is no type of this name",
        "Correct the type.",
        magnus("first: {type: tsk, next: success}\n"),
    ),
    Rule(
        "unreachable-node",
        (WARNING,),
        "nothing leads to a node",
        "Add `next: NODE` to the step before it, or remove the node.",
        magnus("first: {type: stub, next: success}\nsecond: {type: stub, next: success}\n"),
    ),
)
