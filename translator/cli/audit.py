"""Report which pipelines of a tree translate, and what the others lack (``translate audit``)."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from translator import registry
from translator.cli.exit_status import OK, UsageError
from translator.cli.parser import Parser
from translator.cli.printing import print_utf8

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status, which is 0 whatever is found.

    Raises:
        UsageError: the path does not exist, or is neither a file nor a directory.
    """
    from translator.audit.report import as_json, as_markdown, as_text
    from translator.audit.survey import is_special, survey

    args = parser().parse(argv)
    root = Path(args.path)
    if not root.exists():
        raise UsageError(f"there is no {args.path}")
    if is_special(root):
        raise UsageError(f"{args.path} is neither a file nor a directory")
    targets = (registry.target(args.target),) if args.target else registry.targets()
    surveyed = survey(root, targets)
    if args.format == "text":
        sys.stdout.write(as_text(surveyed))
    else:
        print_utf8(as_json(surveyed) if args.format == "json" else as_markdown(surveyed))
    return OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    arguments = Parser("audit", "Report which pipelines of a tree translate, and what the others lack.", page="audit")
    arguments.add_argument("path", metavar="PATH", nargs="?", default=".", help="directory or file (default: .)")
    known = " or ".join(registry.names(registry.TARGETS))
    arguments.add_argument("--target", "-t", metavar="TARGET", help=f"only this engine: {known} (default: all)")
    formats = ("text", "json", "markdown")
    arguments.add_argument("--format", choices=formats, default="text", help="output format (default: text)")
    return arguments
