"""Write the files of examples, so that the table of rules holds only what an example is about."""

from __future__ import annotations

import re
from textwrap import indent

from translator.rules.model import Example

_CHECK = ("check", "FILE")
_PIPELINE = """\
- pipeline:
    name: Train
    nodes:
      - {name: train, type: execution, step: train}
    edges: []
"""


def valohai(
    step: str = "",
    *,
    pipeline: str = _PIPELINE,
    command: str = "date",
    files: dict[str, str] | None = None,
    arguments: tuple[str, ...] = _CHECK,
) -> Example:
    """Return a pipeline of Valohai with one step.

    Args:
        step: further keys of the step.
        pipeline: the items after the step.
        command: the command of the step.
        files: other files of the project.
        arguments: what to run.
    """
    head = f"- step:\n    name: train\n    image: python:3.12\n    command: {command}\n"
    return Example(head + indent(step, "    ") + pipeline, "valohai.yaml", files or {}, arguments)


def nodes(*names: str, edges: str = "", more: str = "") -> str:
    """Return a pipeline of execution nodes that all run the step.

    Args:
        names: the names of the nodes.
        edges: the edges, as a list in YAML without its brackets.
        more: further keys of the pipeline.
    """
    listed = "".join(f"      - {{name: {name}, type: execution, step: train}}\n" for name in names)
    return f"- pipeline:\n    name: Train\n    nodes:\n{listed}    edges: [{edges}]\n{indent(more, '    ')}"


def task(blueprint: str, edges: str = "", node: str = "") -> str:
    """Return a task blueprint, and a pipeline with a task node that runs it.

    Args:
        blueprint: the keys of the blueprint besides its name and its step.
        edges: the edges, as a list in YAML without its brackets.
        node: another node.
    """
    head = f"- task:\n    name: search\n    step: train\n{indent(blueprint, '    ')}"
    nodes = f"      - {{name: search, type: task, task: search}}\n{indent(node, '      ')}"
    return f"{head}- pipeline:\n    name: Train\n    nodes:\n{nodes}    edges: [{edges}]\n"


def loom(text: str, files: dict[str, str] | None = None) -> Example:
    """Return a pipeline of Loom; scripts that ``files`` lacks are empty."""
    scripts = dict.fromkeys(re.findall(r"(?:task|script): (\w+\.py)", text), "")
    return Example(text, "pipeline.yml", {**scripts, **(files or {})})


def magnus(
    steps: str, *, start: str = "first", files: dict[str, str] | None = None, arguments: tuple[str, ...] = _CHECK
) -> Example:
    """Return a graph of Magnus with its two ends."""
    ends = "success: {type: success}\nfail: {type: fail}\n"
    text = f"dag:\n  start_at: {start}\n  steps:\n{indent(steps + ends, '    ')}"
    return Example(text, "pipeline.yaml", files or {}, arguments)


def runnable(steps: str, files: dict[str, str] | None = None) -> Example:
    """Return a graph of runnable."""
    return Example(f"dag:\n  start_at: first\n  steps:\n{indent(steps, '    ')}", "pipeline.yaml", files or {})


def settings(text: str, step: str = "") -> Example:
    """Return a pipeline with a ``translator.toml``."""
    return valohai(step, files={"translator.toml": text})
