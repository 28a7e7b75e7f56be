"""Recognises files of tools that we do not translate, so that the error can name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.names import closest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from translator.source import Located

_BY_KEYS: tuple[tuple[str, frozenset[str]], ...] = (
    ("a Kubernetes or Argo manifest", frozenset({"apiVersion", "kind"})),
    ("a Docker Compose file", frozenset({"services"})),
    ("a DVC pipeline", frozenset({"stages"})),
    ("a GitHub Actions workflow", frozenset({"jobs"})),
    ("a Kubeflow pipeline", frozenset({"pipelineInfo"})),
    ("a Prefect deployment file", frozenset({"deployments"})),
    ("a CWL document", frozenset({"cwlVersion"})),
    ("a Conda environment", frozenset({"dependencies", "channels"})),
)


def explain(document: Located, valohai: tuple[str, ...]) -> tuple[str, str | None]:
    """Say what a file is that no dialect knows.

    Args:
        document: the file's value.
        valohai: what an item of a ``valohai.yaml`` can be.

    Returns:
        The message, and a hint.
    """
    if document.entries is not None:
        for what, keys in _BY_KEYS:
            if keys <= document.entries.keys():
                return (
                    f"this is {what}, which is not translated",
                    "pipelines of Valohai, Loom, Magnus and runnable are translated",
                )
        return _unknown_mapping(document.entries, valohai)
    if document.items is not None:
        return "no item of this list is a step or a pipeline", _list_hint(document, valohai)
    return "this is no pipeline file: it holds a single value", None


def _unknown_mapping(entries: Mapping[object, Located], valohai: tuple[str, ...]) -> tuple[str, str | None]:
    known = [key for key in entries if key in valohai]
    if known:
        return "a valohai.yaml is a list", f"put '- ' before '{known[0]}:'"
    return "this is the pipeline file of no tool that is known here", None


def _list_hint(document: Located, valohai: tuple[str, ...]) -> str:
    keys = [str(key) for item in document.items or () for key in item.entries or ()]
    for key in keys:
        near = closest(key, valohai)
        if near:
            return f"is {key!r} meant to be {near!r}?"
    if {"hosts", "tasks"} <= set(keys):
        return "it looks like an Ansible playbook"
    return "an item of a valohai.yaml starts with '- step:' or '- pipeline:'"
