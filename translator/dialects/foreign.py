"""Recognise files of unsupported tools, so that the error can name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from translator.dialects import titles

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator.dialects import Dialect
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


def explain(document: Located, dialects: Sequence[Dialect]) -> tuple[str, str | None]:
    """Explain what a file is if no dialect accepts it.

    Args:
        document: the file's value.
        dialects: the installed dialects.

    Returns:
        The message, and a hint.
    """
    for what, keys in _BY_KEYS:
        if document.entries is not None and keys <= document.entries.keys():
            return f"this is {what}, which is not supported", f"pipelines of {titles(dialects)} are translated"
    for dialect in dialects:
        explanation = dialect.nearly(document)
        if explanation is not None:
            return explanation
    if document.entries is not None:
        return "the file does not match any supported language", None
    if document.items is not None:
        return "no item of this list is a step or a pipeline", None
    return "not a pipeline file: it contains a single value", None
