"""Check commands: that there are some, and that a shell can run them."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from translator import ir
from translator.nodes import walk_steps
from translator.shim.process.shell import Flaw, flaw, is_plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from translator.diagnostics import Diagnostics

_SCRIPT = re.compile(r"[\w./ -]+\.(?:py|sh|bash|R|r|jl|js|pl|rb|ipynb)")
_RUNNERS = re.compile(r"(?:.*/)?(?:python[0-9.]*|bash|sh|Rscript|julia|node|perl|ruby|torchrun|papermill|source|\.)")
MOVES = re.compile(r"\b(?:cd|pushd|git\s+clone|curl|wget|unzip|tar|mv|cp|mkdir|touch|tee)\b|>")
"""Commands that may create or move a script."""

_SH = re.compile(r"#!\s*/bin/sh\s*(?:\n|$)")
OF_A_SHELL = (ir.StepKind.COMMAND, ir.StepKind.SHELL)
_WITHOUT = (ir.StepKind.STUB, ir.StepKind.CONDITION, ir.StepKind.COLLECT, ir.StepKind.DEPLOYMENT)
"""Kinds of steps that need no command."""
_SHELL = ("/bin/sh",)
_LENIENT = ("bash", "-O", "extglob")
"""A shell that accepts all that any ``sh`` accepts, because the worker's ``sh`` may differ from ours."""

QUESTIONS = 300
"""The maximum number of commands per file that ``sh`` checks, not counting plain words."""

_BETWEEN = ("&&", "||", "|", ";", "&", "(", ")")


def check(pipeline: ir.Pipeline, diagnostics: Diagnostics, *, questions: Iterator[int] | None = None) -> None:
    """Check the commands of a pipeline; see ``translator.checks.check``."""
    questions = iter(range(QUESTIONS)) if questions is None else questions
    steps = {id(node.step): node.step for _, node in walk_steps(pipeline.graph)}
    for step in steps.values():
        if step.kind not in _WITHOUT and not any(command.strip() for command in step.command):
            message = f"step {step.name!r} has no command and does nothing"
            diagnostics.warning("empty-command", message, step.command_span or step.span)
        if step.kind in OF_A_SHELL:
            _incomplete(step, diagnostics, questions)


def scripts(command: str) -> Iterator[str]:
    """Yield the scripts that a command runs, as far as its text shows, as paths in the project."""
    for line in re.sub(r"\\\n", " ", command).splitlines():
        if MOVES.search(line):
            return
        try:
            words = list(lexed(line))
        except ValueError:
            return
        runs = True
        for word in words:
            if word in _BETWEEN or _RUNNERS.fullmatch(word):
                runs = True
            elif word.startswith("-"):
                runs = runs and word not in ("-c", "-m")
            else:
                if runs and _SCRIPT.fullmatch(word) and not word.startswith("/"):
                    yield word
                runs = False


def _incomplete(step: ir.Step, diagnostics: Diagnostics, questions: Iterator[int]) -> None:
    """Report items that are not complete commands, unless they are for another shell than ``sh``."""
    first = step.command[0].lstrip() if step.command else ""
    if first.startswith("#!") and not _SH.match(first):
        return
    for number, command in enumerate(step.command):
        part = _flaw(command.strip(), questions)
        if part is None:
            continue
        listed = len(step.command) > 1
        what = f"item {number + 1} of the command" if listed else "the command"
        place = step.item_spans[number] if number < len(step.item_spans) else step.command_span or step.span
        hint = "write the whole command in one item, with '- |'"
        message = f"{what} of step {step.name!r} is incomplete: {part.text}"
        diagnostics.warning("incomplete-command", message, place, hint=hint if listed else None)


def _flaw(command: str, questions: Iterator[int]) -> Flaw | None:
    if is_plain(command) or next(questions, None) is None:
        return None
    from shutil import which  # needed only for commands with the syntax of a shell, and slow to import

    message = flaw(_SHELL, command)
    if message is not None and not message.accepted and which(_LENIENT[0]) and flaw(_LENIENT, command) is None:
        return None
    return message


def lexed(line: str) -> shlex.shlex:
    """Return the words of a line, operators of a shell apart.

    Raises:
        ValueError: a quote is not closed (when the words are read).
    """
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    return lexer
