"""Compare each row of the table of supported features with the compiler."""

import re
from pathlib import Path

import pytest

from translator.diagnostics import Severity
from translator.load import load, load_text

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "valohai.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("# What is translated")[2].partition("##")[0]
ROWS = {
    words.strip(): fate.strip().split(";")[0].split(":")[0]
    for words, fate in re.findall(r"^\| (.+?) \| (.+?) \|$", TABLE, re.MULTILINE)
}


def document(
    *,
    step: str = "",
    node: str = "",
    task: str = "",
    edge: str = "",
    pipeline: str = "",
    nodes: str = "",
    base: str = "",
) -> str:
    """Return a pipeline of ``first`` and ``second`` with an addition; a task node has the blueprint ``grid``."""
    return f"""\
- step:
    name: work
    image: busybox
    command: {step if step.startswith("[") else "sh work.sh {parameters}"}
    parameters:
      - {{name: size, type: integer, default: 1}}
    environment-variables:
      - {{name: COLOUR, default: red}}
    inputs:
      - {{name: data, optional: true}}
{"" if step.startswith("[") else step}
- task:
    name: grid
    step: work
{task or "    parameters: [{name: size, style: multiple, rules: {items: [1, 2]}}]"}
{base}
- pipeline:
    name: P
{pipeline}
    nodes:
      - {{name: first, type: execution, step: work}}
      - {node or "{name: second, type: execution, step: work}"}
{nodes}
    edges:
      - {edge or "[first.output.*, second.input.data]"}
"""


BLUEPRINT = "{name: second, type: task, task: grid}"


def second(extra: str, kind: str = "execution") -> str:
    return f"{{name: second, type: {kind}, step: work, {extra}}}"


def axis(style: str, rules: str) -> str:
    return f"    parameters: [{{name: size, style: {style}, rules: {rules}}}]"


def deployment(*edges: str) -> str:
    lines = "".join(f"\n      - {edge}" for edge in edges)
    return document(
        base="- deployment: {name: d, defaults: {target: t}}\n"
        "- endpoint: {name: greet, image: busybox, server-command: sh serve.sh, files: [{name: model, path: model}]}",
        nodes="      - {name: serve, type: deployment, deployment: d, endpoints: [greet]}",
        edge=f"[first.output.*, second.input.data]{lines}",
    )


def inputs(extra: str) -> str:
    return document(step="").replace("{name: data, optional: true}", f"{{name: data, optional: true, {extra}}}")


CASES: dict[str, tuple[str, ...]] = {
    "execution and task nodes, `override`": (
        document(),
        document(node=second("on-error: stop-all", "task")),
        document(node=second("override: {image: alpine, command: sh other.sh, inputs: [{name: data}]}")),
    ),
    "task blueprints: `grid_search`, `manual_search`; styles `multiple`, `single`, `linear`, `logspace`": (
        document(node=BLUEPRINT),
        document(node=BLUEPRINT, task="    type: manual_search\n    parameter-sets: [{size: 1}, {size: 3}]"),
        document(node=BLUEPRINT, task=axis("single", "{value: 3}")),
        document(node=BLUEPRINT, task=axis("linear", "{start: 1, end: 3, step: 1}")),
        document(node=BLUEPRINT, task=axis("logspace", "{start: 0, end: 2, count: 3, integerify: true}")),
    ),
    "[`random_search`, style `random`](how-to/tuning.md)": (
        document(node=BLUEPRINT, task=axis("random", "{min: 1, max: 5, count: 3}")),
        document(
            node=BLUEPRINT,
            task=f"    type: random_search\n    execution-count: 2\n{axis('multiple', '{items: [1, 2]}')}",
        ),
    ),
    "[`bayesian_tpe`](how-to/tuning.md#search-with-the-results-so-far)": (
        document(
            node=BLUEPRINT,
            task="    type: bayesian_tpe\n    execution-count: 4\n    execution-batch-size: 2\n"
            "    optimization-target-metric: size\n    optimization-target-value: 1\n"
            f"{axis('random', '{min: 1, max: 5}')}",
        ),
    ),
    "[`distributed`](how-to/distributed.md)": (
        document(node=BLUEPRINT, task=f"    type: distributed\n    execution-count: 2\n{axis('single', '{value: 3}')}"),
    ),
    "`on-error`: `stop-all`, `stop-next`, `continue`, `retry`; `on-child-error`": (
        *(
            document(node=second(f"on-error: {rule}", kind))
            for rule in ("stop-all", "stop-next", "continue", "retry")
            for kind in ("execution", "task")
        ),
        document(node=BLUEPRINT, task=f"    on-child-error: continue-and-error\n{axis('multiple', '{items: [1, 2]}')}"),
    ),
    "edges: output, input, parameter, metadata, environment-variable, dependency; `edge-merge-mode`": (
        *(
            document(edge=f"[first.{source}, second.{target}]")
            for source, target in (
                ("output.*", "input.data"),
                ("input.data", "input.data"),
                ("parameter.size", "parameter.size"),
                ("metadata.size", "parameter.size"),
                ("environment-variable.COLOUR", "environment-variable.COLOUR"),
                ("parameter.size", "environment-variable.COLOUR"),
                ("metadata.size", "environment-variable.COLOUR"),
                ("dependency.*", "dependency.*"),
            )
        ),
        document(edge="{source: first.output.*, target: second.input.data}"),
        document(node=second("edge-merge-mode: append")),
    ),
    "deployment nodes, edges to `file` and from `deployment`": (
        deployment(),
        deployment("[first.output.*, serve.file.greet.model]"),
        deployment("[serve.deployment.version_id, second.parameter.size]"),
    ),
    "[`actions`](semantics.md#actions): `node-starting`, `node-complete`, `node-error`; `stop-pipeline`, "
    "`error-pipeline`, `require-approval`, `noop`": (
        document(node=second("actions: [{when: node-complete, if: metadata.x > 1, then: stop-pipeline}]")),
        document(node=second("actions: [{when: [node-starting, node-error], then: [noop, error-pipeline]}]")),
        document(node=second("actions: [{when: node-starting, then: require-approval}]")),
    ),
    "[`stop-condition`](#keys) of a step; [of a task](how-to/tuning.md#stop-early)": (
        document(step="    stop-condition: accuracy > 0.9"),
        document(node=BLUEPRINT, task=f"    stop-condition: accuracy > 0.9\n{axis('multiple', '{items: [1, 2]}')}"),
    ),
    "pipeline parameters; step parameters with types, bounds, choices, `multiple`, flags, `pass-as`": (
        document(pipeline="    parameters: [{name: n, target: first.parameters.size, default: 3}]"),
        document(
            pipeline="    parameters: [{name: n, targets: [first.parameters.size, second.parameters.size], default: 3}]"
        ),
        *(
            document().replace("{name: size, type: integer, default: 1}", f"{{name: size, {parameter}}}")
            for parameter in (
                "type: string, default: x, choices: [x, y]",
                "type: float, default: 0.5, min: 0, max: 1",
                "type: flag, default: true, pass-true-as: --yes, pass-false-as: --no",
                "type: string, multiple: repeat, default: [a, b], pass-as: '-x {v}'",
                "type: string, multiple: separate, multiple-separator: '|', default: [a, b]",
            )
        ),
    ),
    (
        "inputs: paths, wildcards, `file://`, `http(s)://`, stores such as `s3://`, `{parameter:x}` in them; "
        "`keep-directories`, `filename`, `download`"
    ): (
        inputs("default: data/a.csv, download: on-demand"),
        inputs("default: 's3://bucket/{parameter:size}.csv'"),
        inputs("default: data/a.csv"),
        inputs("default: data/*.csv, keep-directories: suffix"),
        inputs("default: file:///data/a.csv"),
        inputs("default: 'https://example.com/a.csv', filename: b.csv"),
    ),
    "inputs given when a run starts; steps and task blueprints without a pipeline": (
        document(step="").replace("{name: data, optional: true}", "{name: data}"),
    ),
    "inputs: `datum://`, `dataset://`, `model://`": (
        inputs("default: datum://latest"),
        inputs("default: dataset://digits/latest"),
        inputs("default: model://digits/v1"),
    ),
    "several commands, shebangs, `{parameters}`, `{parameter:x}`, `{parameter-value:x}`": (
        document(step="['#!/bin/bash', 'cd x', 'sh y.sh {parameters} {parameter:size} {parameter-value:size}']"),
    ),
    "live outputs, [uploaded while the command runs](#outputs-uploaded-while-the-command-runs)": (
        document(step="['echo x > /valohai/outputs/x', 'chmod 0444 /valohai/outputs/x']"),
    ),
    "`time-limit`, `no-output-timeout`, `environment-variables`": (
        document(step="    time-limit: 1h 30m\n    no-output-timeout: 600"),
    ),
    "`image`, `resources`, `environment`, `mounts`, `environment-variable-groups`": (
        document(step="    environment: big\n    resources: {memory: {max: 4096}}\n    mounts: ['/data:/data']"),
        document(step="    environment: big\n    environment-variable-groups: [store]"),
    ),
    "[`reuse-executions`, `reuse-children`](how-to/reuse.md)": (
        document(pipeline="    reuse-executions: true"),
        document(node=BLUEPRINT, task=f"    reuse-children: true\n{axis('multiple', '{items: [1, 2]}')}"),
    ),
}


CONFIGURED = "yes, with"
SETTINGS = """
[defaults]
runner = "docker"
[environments.big]
runner = "docker"
[groups.store.variables]
BUCKET = "s3://bucket"
[catalogue.names]
"datum://latest" = "data/latest.csv"
"dataset://digits/latest" = "dataset://digits/v1"
"dataset://digits/v1" = ["data/a.csv", "data/b.csv"]
"model://digits/v1" = "data/model.pkl"
"""


def test_each_row_has_its_cases() -> None:
    assert set(CASES) == set(ROWS)


@pytest.mark.parametrize(
    ("row", "text"), [(row, text) for row, texts in CASES.items() for text in texts], ids=lambda text: text[:30]
)
def test_a_row_matches_the_compiler(row: str, text: str, tmp_path: Path) -> None:
    loaded = load_text(text)
    if ROWS[row].startswith(CONFIGURED):
        assert loaded.diagnostics.found
        (tmp_path / "valohai.yaml").write_text(text)
        (tmp_path / "translator.toml").write_text(SETTINGS)
        assert [one for one in load(tmp_path / "valohai.yaml").diagnostics if one.code != "missing-script"] == []
        return
    errors = [found for found in loaded.diagnostics.found if found.severity is Severity.ERROR]
    notes = [found for found in loaded.diagnostics.found if found.severity is Severity.NOTE]
    if ROWS[row] == "refused":
        assert errors
        assert all(found.code.startswith("unsupported-") and found.span for found in errors), errors
    else:
        assert errors == []
        assert ROWS[row] in {"yes", "noted"}
        assert notes or ROWS[row] == "yes"
