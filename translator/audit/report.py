"""Write a survey as a table, as Markdown, and as JSON."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from translator.audit.model import Effort
from translator.diagnostics import columns, printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from translator.audit.model import FileAudit, Needs, PipelineAudit, Reason, Survey

_KINDS = {
    "images": "images",
    "variables": "environment variables",
    "secrets": "secrets",
    "inputs": "inputs at the start of a run",
    "data": "data",
    "environments": "environments and variable groups",
    "mounts": "mounts",
    "packages": "installers of packages",
}
_HEADER = ("FILE", "PIPELINE", "NODES", "EFFORT", "WHY")
_MOST = 3
"""The number of reasons or needs in a row of the table."""


def as_text(survey: Survey) -> str:
    """Return the survey as a table for terminals."""
    rows = [tuple(map(printable, row)) for row in _rows(survey, most=_MOST)]
    table = "".join(f"{line}\n" for line in columns([_HEADER, *rows])) if rows else ""
    return f"{table}\n{_summary(survey)}\n" if table else f"{_summary(survey)}\n"


def as_markdown(survey: Survey) -> str:
    """Return the survey as a report in Markdown: a summary, what stops pipelines, what to provide, each pipeline."""
    parts = [f"# Pipelines in {_cell(survey.root)}\n\n{_summary(survey)}\n"]
    if reasons := _counted(survey):
        listed = [(str(count), f"`{code}`", _cell(example)) for code, count, example in reasons]
        parts.append("## What stops pipelines\n\n" + _table(("pipelines", "code", "example"), listed))
    if needs := list(_needed(survey)):
        parts.append("## What has to be provided\n\n" + _table(("kind", "what", "pipelines"), needs))
    if rows := list(_rows(survey, most=None)):
        cells = [tuple(map(_cell, row)) for row in rows]
        parts.append("## Pipelines\n\n" + _table([title.lower() for title in _HEADER], cells))
    return "\n".join(parts)


def as_json(survey: Survey) -> str:
    """Return the survey as JSON."""
    files = [
        {**asdict(file), "pipelines": [{**asdict(one), "effort": one.effort.value} for one in file.pipelines]}
        for file in survey.files
    ]
    document = {"root": survey.root, "others": survey.others, "files": files, "summary": _efforts(survey)}
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _efforts(survey: Survey) -> dict[str, int]:
    counted = Counter(pipeline.effort for pipeline in survey.pipelines)
    return {effort.value: counted[effort] for effort in Effort}


def _summary(survey: Survey) -> str:
    pipelines, efforts = survey.pipelines, _efforts(survey)
    if not survey.files:
        return f"no pipeline files; {_counted_noun(survey.others, 'other YAML file')}"
    ready = efforts[Effort.NONE] + efforts[Effort.SETTINGS]
    unread = sum(bool(file.reasons) for file in survey.files)
    text = (
        f"{ready} of {_counted_noun(len(pipelines), 'pipeline')} in {_counted_noun(len(survey.files), 'file')} "
        f"translate: {efforts[Effort.NONE]} as they are, {efforts[Effort.SETTINGS]} with settings; "
        f"{efforts[Effort.CHANGES]} need changes"
    )
    return f"{text}; {_counted_noun(unread, 'file')} with errors" if unread else text


def _counted_noun(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _rows(survey: Survey, most: int | None) -> Iterator[tuple[str, ...]]:
    for file in survey.files:
        if file.reasons:
            yield (file.path, "", "", Effort.CHANGES.value, _some(map(_reason, file.reasons), most))
        yield from (_row(file, pipeline, most) for pipeline in file.pipelines)


def _row(file: FileAudit, pipeline: PipelineAudit, most: int | None) -> tuple[str, ...]:
    why = _some(map(_reason, pipeline.reasons), most) if pipeline.reasons else _some(_need(pipeline.needs), most)
    name = f"{pipeline.name} (no pipeline)" if pipeline.alone else pipeline.name
    return (file.path, name, str(pipeline.nodes or ""), pipeline.effort.value, why)


def _reason(reason: Reason) -> str:
    where = f"line {reason.line}: " if reason.line else ""
    engine = f" ({reason.target})" if reason.target else ""
    return f"{where}{reason.message}{engine}"


def _need(needs: Needs) -> Iterator[str]:
    for name, title in _KINDS.items():
        if values := getattr(needs, name):
            yield f"{title}: {', '.join(values)}"


def _some(texts: Iterable[str], most: int | None) -> str:
    listed = list(texts)
    more = [f"{len(listed) - most} more"] if most is not None and len(listed) > most else []
    return "; ".join([*listed[:most], *more])


def _counted(survey: Survey) -> list[tuple[str, int, str]]:
    """Return the codes of errors, the most frequent first: how many pipelines or files have them, and one message."""
    owners = [*(file.reasons for file in survey.files), *(pipeline.reasons for pipeline in survey.pipelines)]
    counts = Counter(code for reasons in owners for code in {reason.code for reason in reasons})
    examples: dict[str, str] = {}
    for reasons in owners:
        for reason in reasons:
            examples.setdefault(reason.code, reason.message)
    return [(code, count, examples[code]) for code, count in counts.most_common()]


def _needed(survey: Survey) -> Iterator[tuple[str, ...]]:
    for name, title in _KINDS.items():
        counts = Counter(value for pipeline in survey.pipelines for value in getattr(pipeline.needs, name))
        yield from ((title, f"`{_cell(value)}`", str(count)) for value, count in counts.most_common())


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _cell(text: str) -> str:
    return printable(text).replace("|", "\\|").replace("`", "'")
