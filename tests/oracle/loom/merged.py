"""Merge many projects into one file of unconnected parts, because a run takes an engine longer than a step does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tests.oracle.loom.projects import Project
from translator.dialects.loom.choices import LoomChoices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_PLACE = re.compile(r"(?<![\w/])(source|output|\$\{ORACLE_PLACE\})/")
_REFERENCE = re.compile(r"\$([^{.][^.]*)(\.then|\.else)?")


def merge(projects: Mapping[str, Project]) -> Project:
    """Merge projects into one; of the command line's options, only included optional steps can be merged."""
    document: dict[str, Any] = {"data": {}, "parameters": {}, "pipeline": [], "output_dir": "."}
    files: dict[str, str] = {}
    environment: dict[str, str] = {}
    include: list[str] = []
    for number, one in enumerate(projects.values()):
        assert one.choices == LoomChoices(include=one.choices.include)
        assert "execution" not in one.document
        prefix = f"c{number}_"
        part = _Part(prefix, one.document)
        for section in ("data", "parameters"):
            document[section] |= part.renamed(one.document.get(section, {}), keys=True)
        document["pipeline"] += [part.entry(entry) for entry in one.document["pipeline"]]
        files |= {part.place(path): text for path, text in one.files.items()}
        environment |= one.environment
        include += [prefix + name for name in one.choices.include]
    return Project(document, LoomChoices(include=tuple(include)), files, environment)


class _Part:
    """One project's names and places, as they are in the whole."""

    def __init__(self, prefix: str, document: Mapping[str, Any]) -> None:
        self.prefix = prefix
        steps = [s for entry in document["pipeline"] for s in entry.get("steps", [entry])]
        self.names = {*document.get("data", {}), *document.get("parameters", {}), *(step["name"] for step in steps)}

    def place(self, text: str) -> str:
        return _PLACE.sub(rf"\1/{self.prefix}/", text)

    def text(self, text: str) -> str:
        match = _REFERENCE.fullmatch(text)
        return f"${self.prefix}{text[1:]}" if match and match[1] in self.names else self.place(text)

    def renamed(self, value: Any, *, keys: bool = False) -> Any:
        """Return a value with all names in it replaced; with ``keys``, those of a mapping are names."""
        if isinstance(value, dict):
            return {(self.prefix + key if keys else key): self.renamed(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.renamed(item) for item in value]
        return self.text(value) if isinstance(value, str) else value

    def entry(self, entry: Mapping[str, Any]) -> dict[str, Any]:
        """Return a step, or a group of steps."""
        made: dict[str, Any] = self.renamed({k: v for k, v in entry.items() if k not in {"steps", "multi_pass"}})
        made |= {key: self.prefix + made[key] for key in ("name", "group") if key in made}
        if "steps" in entry:
            made["steps"] = [self.entry(step) for step in entry["steps"]]
        if "multi_pass" in entry:
            made["multi_pass"] = self.passes(entry["multi_pass"])
        return made

    def passes(self, passes: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = self.renamed(dict(passes))
        if "schedule" in passes:
            made["schedule"] = [self.renamed(values, keys=True) for values in passes["schedule"]]
        if "expressions" in passes:
            made["expressions"] = {self.prefix + k: self.expression(v) for k, v in passes["expressions"].items()}
        if "feedback" in passes:
            made["feedback"] = {self.prefix + k: self.prefix + v for k, v in passes["feedback"].items()}
        return made

    def expression(self, text: str) -> str:
        name: Callable[[re.Match[str]], str] = lambda m: self.prefix + m[0] if m[0] in self.names else m[0]  # noqa: E731
        return re.sub(r"[a-z_]\w*", name, text)
