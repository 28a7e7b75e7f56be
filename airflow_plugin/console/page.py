"""Write the page of an execution as HTML, with all values escaped, without scripts or external resources."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from translator.shim.files.sizes import size
from translator.shim.store import LOG, MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from translator.shim.contract import ExecutionId, FileRecord, Manifest

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: 0.2rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8884; padding: 0.3rem 0.6rem 0.3rem 0; text-align: left; vertical-align: top; }
td { overflow-wrap: anywhere; }
table.values td:first-child { min-width: 8rem; white-space: nowrap; }
td.number, th.number { text-align: right; white-space: nowrap; }
code { font-size: 0.9em; }
.state { font-weight: 600; } .quiet { opacity: 0.7; }
"""
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
"""The page's Content-Security-Policy, which allows only its own style sheet."""


def html(
    execution: ExecutionId, manifest_or_reason: Manifest | str, uploads: Sequence[FileRecord] = (), *, has_log: bool
) -> str:
    """Return the page of a try.

    Args:
        execution: the try.
        manifest_or_reason: its manifest, or why there is none.
        uploads: without a manifest, the outputs that are published already.
        has_log: whether the store has its log.
    """
    manifest = None if isinstance(manifest_or_reason, str) else manifest_or_reason
    index = f"[{execution.index}]" if manifest is not None and manifest.id.kind == "task" else ""
    name = _text(f"{execution.node}{index}")
    here = str(execution.attempt)
    files = [*([(MANIFEST, "Manifest")] if manifest is not None else []), *([(LOG, "Log")] if has_log else [])]
    links = " · ".join(f'<a href="{here}/{file}">{label}</a>' for file, label in files)
    return "\n".join(
        (
            "<!doctype html>",
            f'<html lang="en"><head><meta charset="utf-8"><title>{name}, try {execution.attempt}</title>',
            f"<style>{_STYLE}</style></head><body>",
            f"<h1>{name}, try {execution.attempt}</h1>",
            f'<div class="quiet">{_text(execution.pipeline)}, run {_text(execution.run)}</div>',
            *([f"<p>{links}</p>"] if links else []),
            *(
                _unfinished(manifest_or_reason, uploads, here)
                if isinstance(manifest_or_reason, str)
                else _manifest_lines(manifest_or_reason, here)
            ),
            "</body></html>",
            "",
        )
    )


def base_name(path: str) -> str:
    """Return the last part of a path as the name of a download, without misleading characters."""
    kept = "".join(char if char.isprintable() else "_" for char in path.rpartition("/")[2].replace("\\", "_"))
    return kept.encode("utf-8", "replace").decode() or "file"


def _unfinished(reason: str, uploads: Sequence[FileRecord], here: str) -> Iterable[str]:
    if not uploads:
        yield f'<p>This try has not ended, or left nothing.</p>\n<p class="quiet">{_text(reason)}</p>'
        return
    yield f'<p>This try has not ended, or its worker was lost.</p>\n<p class="quiet">{_text(reason)}</p>'
    yield "<h2>Outputs so far</h2>"
    yield from _table(uploads, f"{here}/uploads")


def _manifest_lines(manifest: Manifest, here: str) -> Iterable[str]:
    reason = f": {_lines(manifest.reason)}" if manifest.reason else ""
    yield f'<p><span class="state">{_text(manifest.state.value)}</span>{reason}</p>'
    yield f'<p class="quiet">{_text(manifest.started)} to {_text(manifest.ended)}</p>'
    for title, values in (("Parameters", manifest.parameters), ("Metadata", manifest.metadata)):
        if values:
            rows = (f"<tr><td>{_text(key)}</td><td>{_lines(value)}</td></tr>" for key, value in values.items())
            yield from (f"<h2>{title}</h2>", '<table class="values">', *rows, "</table>")
    yield "<h2>Outputs</h2>"
    if not manifest.outputs:
        yield "<p>None.</p>"
        return
    yield from _table(manifest.outputs, f"{here}/outputs")


def _table(files: Sequence[FileRecord], url: str) -> Iterable[str]:
    """Yield a table of files, each with a link to its number at a URL."""
    yield '<table><tr><th>File</th><th class="number">Size</th><th>SHA-256</th></tr>'
    places = sorted(range(len(files)), key=lambda number: files[number].path)
    yield from (_row(files[number], f"{url}/{number}") for number in places)
    yield "</table>"


def _row(file: FileRecord, url: str) -> str:
    link = f'<a href="{url}/{quote(base_name(file.path), safe="")}">{_text(file.path)}</a>'
    digest = f'<code title="{_text(file.sha256)}">{_text(file.sha256[:12])}</code>'
    return f'<tr><td>{link}</td><td class="number">{size(file.size)}</td><td>{digest}</td></tr>'


def _lines(value: object) -> str:
    """Return a value as HTML, and keep its lines."""
    return "<br>".join(map(_text, str(value).split("\n")))


def _text(value: object) -> str:
    """Return a value as HTML; invisible and direction-changing characters are spelled out."""
    shown = "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in str(value))
    return escape(shown)
