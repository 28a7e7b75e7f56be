"""Show findings to programs: as JSON, and as SARIF."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from translator.diagnostics.terminal import path_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from translator.diagnostics.findings import Diagnostic, SourceText


def as_json(diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceText]) -> str:
    """Show findings as a JSON array of objects."""
    return _dumped([_object(d, sources) for d in diagnostics])


def sarif(diagnostics: Iterable[Diagnostic], sources: Mapping[str, SourceText], *, version: str, codes_uri: str) -> str:
    """Show findings as a SARIF 2.1.0 log, for code hosts and editors.

    Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html

    Args:
        diagnostics: the findings.
        sources: the source texts by ``Span.file``.
        version: the version of this package.
        codes_uri: the address of the page that explains the codes.
    """
    findings = list(diagnostics)
    codes = sorted({d.code for d in findings})
    log = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "pipeline-translator",
                        "semanticVersion": version,
                        "rules": [_rule(code, codes_uri) for code in codes],
                    }
                },
                "columnKind": "unicodeCodePoints",
                "results": [_result(d, codes.index(d.code), sources) for d in findings],
            }
        ],
    }
    return _dumped(log)


def _dumped(value: object) -> str:
    import json  # all commands import this module, few need it

    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _rule(code: str, codes_uri: str) -> dict[str, Any]:
    from translator.rules import explained
    from translator.rules.text import anchor, as_markdown, as_text

    rule = explained(code)
    if rule is None:  # of a package that does not explain its codes
        return {"id": code}
    return {
        "id": code,
        "shortDescription": {"text": rule.meaning},
        "help": {"text": as_text(rule), "markdown": as_markdown(rule)},
        "helpUri": f"{codes_uri}#{anchor(rule.code)}",
    }


def _object(diagnostic: Diagnostic, sources: Mapping[str, SourceText]) -> dict[str, Any]:
    span = diagnostic.span
    return {
        "code": diagnostic.code,
        "severity": str(diagnostic.severity),
        "message": diagnostic.message,
        "hint": diagnostic.hint,
        "pipeline": diagnostic.pipeline,
        "pipelines": [*([diagnostic.pipeline] if diagnostic.pipeline is not None else []), *diagnostic.also],
        "file": path_of(span, sources) if span else None,
        "line": span.line if span else None,
        "column": span.column if span else None,
        "end_line": span.end_line if span else None,
        "end_column": span.end_column if span else None,
    }


def _result(diagnostic: Diagnostic, rule: int, sources: Mapping[str, SourceText]) -> dict[str, Any]:
    message = diagnostic.message if diagnostic.hint is None else f"{diagnostic.message} ({diagnostic.hint})"
    result: dict[str, Any] = {
        "ruleId": diagnostic.code,
        "ruleIndex": rule,
        "level": str(diagnostic.severity),
        "message": {"text": message},
    }
    span = diagnostic.span
    if span is not None:
        from urllib.parse import quote

        result["locations"] = [
            {
                "physicalLocation": {
                    "artifactLocation": {"uri": quote(path_of(span, sources), errors="surrogateescape")},
                    "region": {
                        "startLine": span.line,
                        "startColumn": span.column,
                        "endLine": span.end_line,
                        "endColumn": span.end_column,
                    },
                }
            }
        ]
    return result
