"""Read the text of a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from translator.diagnostics import LINE_BREAK
from translator.span import Span

if TYPE_CHECKING:
    from pathlib import Path

    from translator.diagnostics import Diagnostics


MAX_BYTES = 2 * 1024 * 1024


def read_text(
    path: Path, diagnostics: Diagnostics, kind: str = "pipeline file", stream: BinaryIO | None = None
) -> str | None:
    """Read the file at ``path`` as UTF-8 text; None, with an error, if that fails.

    Args:
        path: the file.
        diagnostics: receives why it cannot be read.
        kind: the kind of file that it should be.
        stream: what to read instead; the path only names it then.
    """
    name = str(path)
    try:
        if stream is not None:
            data = stream.read(MAX_BYTES + 1)
        elif path.is_dir():
            diagnostics.error("not-a-file", f"{name} is a directory", None, hint=f"pass the {kind} in it")
            return None
        else:
            with path.open("rb") as opened:
                data = opened.read(MAX_BYTES + 1)
    except FileNotFoundError:
        diagnostics.error("missing-file", f"file {name} does not exist", None)
        return None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        diagnostics.error("unreadable-file", f"cannot read {name}: {reason}", None)
        return None
    if len(data) > MAX_BYTES:
        limit = MAX_BYTES // 1024 // 1024
        diagnostics.error("huge-file", f"{name} is larger than {limit} MiB: not a {kind}", None)
        return None
    return _decode(data, path.name, diagnostics)


def _decode(data: bytes, name: str, diagnostics: Diagnostics) -> str | None:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        good = data[: error.start].decode("utf-8-sig", "replace")
        lines = LINE_BREAK.split(good)
        place = Span(name, len(lines), len(lines[-1]) + 1, len(lines), len(lines[-1]) + 2)
        hint = "save the file as UTF-8"
        if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
            hint = "the file looks like UTF-16; save it as UTF-8"
        diagnostics.error("not-utf-8", f"byte 0x{data[error.start]:02x} is not UTF-8", place, hint=hint)
        return None
