# ruff: noqa: C901, PLR0911, PLR0912, PLR0915 - a grammar, in one place
"""Detect shell commands that are not complete, without running a shell.

Reads what is common to ``sh``, ``bash`` and ``zsh``: quotes, expansions, here-documents, reserved words and operators.
Where it meets anything that it does not know, it says nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_BLANK = " \t"
_OPERATOR = re.compile(r"&&|\|\||;;&|;;|;&|<<<|<<-|<<|<&|>&|<>|>>|>\||&>>|&>|\|&|[|&;<>()]|\n")
_WORD_END = frozenset(" \t\n;&|<>()")
_CLOSERS = {"fi": "if", "done": "do", "esac": "case", "}": "{"}
_NEEDS = {"if": "fi", "while": "done", "until": "done", "for": "done", "select": "done", "case": "esac", "{": "}"}
_MIDDLE = {"then": "if", "elif": "if", "else": "if"}
_REDIRECT = frozenset({"<", ">", ">>", "<>", ">|", "&>", "&>>", "<<<", "<&", ">&"})


@dataclass(frozen=True, slots=True)
class Flaw:
    """What keeps a command from being complete; ``accepted``: a shell would run it all the same."""

    text: str
    accepted: bool = False


class _UnknownError(Exception):
    """The text holds something that is not understood here."""


class _IncompleteError(Exception):
    """The text ends, or goes on, where no command does."""

    def __init__(self, text: str, *, accepted: bool = False) -> None:
        super().__init__(text)
        self.flaw = Flaw(text, accepted)


def flaw(command: str) -> Flaw | None:
    """Return what keeps ``command`` from being complete, or None where it is or that cannot be told."""
    reader = _Reader(command)
    try:
        reader.commands(until=None)
    except _IncompleteError as incomplete:
        return incomplete.flaw
    except (_UnknownError, RecursionError):
        return None
    if reader.documents:
        return Flaw(f"the here-document {reader.documents[0][0]!r} has no end", accepted=True)
    return None


@dataclass(slots=True)
class _Reader:
    """Reads one text from its beginning to its end."""

    text: str
    at: int = 0
    documents: list[tuple[str, bool]] = field(default_factory=list)

    def commands(self, until: str | None) -> None:
        """Read commands until the end, or past the closing token ``until``."""
        open_: list[str] = []
        first, before = True, ""  # whether a command may begin here, and the operator before
        while True:
            self.blanks(comment=True)
            if self.at >= len(self.text):
                break
            token = _OPERATOR.match(self.text, self.at)
            if token is None:
                word, plain = self.word()
                if open_ and open_[-1] == "pattern":
                    first = self.pattern(word, plain, open_)
                    before = ""
                elif first and plain:
                    first = self.reserved(word, open_)
                    before = ""
                else:
                    first, before = False, ""
                continue
            operator = token[0]
            self.at = token.end()
            match operator:
                case "\n":
                    self.skip_documents()
                    first = True
                    continue
                case "(" if open_ and open_[-1] == "pattern":
                    continue
                case "(":
                    if not first:
                        self.blanks()
                        if not self.text.startswith(")", self.at):
                            raise _UnknownError
                        self.at += 1  # a function: its body follows
                        first, before = True, ""
                        continue
                    self.commands(until=")")
                    first = False
                case ")":
                    if until == ")" and not open_:
                        self.ends(before)
                        return
                    raise _IncompleteError("')' has no '('") if until is None and not open_ else _UnknownError
                case "<<" | "<<-":
                    self.blanks()
                    word, _ = self.word()
                    self.documents.append((re.sub(r"[\\'\"]", "", word), operator == "<<-"))
                    if not word:
                        raise _UnknownError
                    first, before = False, ""
                    continue
                case _ if operator in _REDIRECT:
                    self.blanks()
                    if self.text.startswith("(", self.at) and operator in {"<", ">"}:
                        self.at += 1
                        self.commands(until=")")
                    else:
                        self.word()
                    first, before = False, ""
                    continue
                case ";;" | ";&" | ";;&":
                    if not open_ or open_[-1] != "case":
                        raise _UnknownError
                    open_.append("pattern")
                    first = True
                case "&&" | "||" | "|" | "|&":
                    if first:
                        raise (
                            _IncompleteError(f"it begins with {operator!r}") if self.begins(operator) else _UnknownError
                        )
                    first = True
                case _:  # ; and &
                    if first:
                        raise (
                            _IncompleteError(f"it begins with {operator!r}") if self.begins(operator) else _UnknownError
                        )
                    self.ends(before)
                    first = True
            before = operator
        if until is not None:
            raise _IncompleteError("'(' has no ')'")
        self.ends(before)
        if open_:
            opener = open_[-1] if open_[-1] != "pattern" else "case"
            raise _IncompleteError(f"{opener!r} has no {_NEEDS.get(opener, 'done')!r}")

    def begins(self, operator: str) -> bool:
        return not self.text[: self.at - len(operator)].strip()

    def ends(self, before: str) -> None:
        if before in {"&&", "||", "|", "|&"}:
            raise _IncompleteError(f"nothing follows {before!r}")

    def reserved(self, word: str, open_: list[str]) -> bool:
        """Take an unquoted word where a command may begin; returns whether one may begin after it."""
        match word:
            case "if" | "while" | "until" | "{":
                open_.append(word)
                return True
            case "for" | "select":
                open_.append(word)
                self.blanks()
                if self.text.startswith("((", self.at):
                    raise _UnknownError
                self.word()
                return False
            case "case":
                self.blanks()
                self.word()
                self.gap()
                if self.at >= len(self.text):
                    raise _IncompleteError("'case' has no 'esac'")
                if self.word()[0] != "in":
                    raise _UnknownError
                open_ += ["case", "pattern"]
                return True
            case "then" | "elif" | "else":
                if not open_ or open_[-1] != "if":
                    raise _IncompleteError(f"{word!r} has no 'if'") if not open_ else _UnknownError
                return True
            case "do":
                if not open_ or open_[-1] not in {"for", "select", "while", "until"}:
                    raise _IncompleteError("'do' has no 'for' or 'while'") if not open_ else _UnknownError
                return True
            case "fi" | "done" | "esac" | "}":
                if not open_:
                    raise _IncompleteError(f"{word!r} has no {_CLOSERS[word]!r}")
                if _NEEDS.get(open_.pop()) != word:
                    raise _UnknownError
                return False
            case "!" | "time":
                return True
            case "[[" | "function" | "coproc" | "((":
                raise _UnknownError
            case _:
                return False

    def pattern(self, word: str, plain: bool, open_: list[str]) -> bool:  # noqa: FBT001 - as word() returns it
        """Take the patterns of a case's branch, or its end; returns whether a command may begin after it."""
        open_.pop()
        if plain and word == "esac":
            open_.pop()
            return False
        while True:
            self.gap()
            if self.at >= len(self.text):
                raise _IncompleteError("'case' has no 'esac'")
            sign = self.text[self.at]
            if sign == ")":
                self.at += 1
                return True
            if sign == "|":
                self.at += 1
                self.gap()
                self.word()
                continue
            raise _UnknownError

    def gap(self) -> None:
        """Skip blanks and line ends."""
        while self.at < len(self.text) and self.text[self.at] in " \t\n":
            self.at += 1

    def blanks(self, *, comment: bool = False) -> None:
        """Skip blanks, continued lines and, if asked, a comment."""
        while self.at < len(self.text):
            if self.text[self.at] in _BLANK:
                self.at += 1
            elif self.text.startswith("\\\n", self.at):
                self.at += 2
            elif comment and self.text[self.at] == "#":
                end = self.text.find("\n", self.at)
                self.at = len(self.text) if end < 0 else end
            else:
                return

    def word(self) -> tuple[str, bool]:
        """Read a word; returns its text and whether nothing in it is quoted."""
        start, plain = self.at, True
        while self.at < len(self.text) and (sign := self.text[self.at]) not in _WORD_END:
            match sign:
                case "\\":
                    plain = False
                    self.escape()
                case "'":
                    plain = False
                    self.single()
                case '"':
                    plain = False
                    self.double()
                case "`":
                    plain = False
                    self.backticks()
                case "$":
                    plain = False
                    self.expansion()
                case _:
                    self.at += 1
        return self.text[start : self.at], plain

    def escape(self) -> None:
        if self.at + 1 >= len(self.text):
            raise _IncompleteError("it ends with a backslash", accepted=True)
        self.at += 2

    def single(self) -> None:
        end = self.text.find("'", self.at + 1)
        if end < 0:
            raise _IncompleteError('a quotation that begins with "\'" has no end')
        self.at = end + 1

    def double(self) -> None:
        self.at += 1
        while self.at < len(self.text):
            match self.text[self.at]:
                case '"':
                    self.at += 1
                    return
                case "\\":
                    self.at += 2
                case "`":
                    self.backticks()
                case "$":
                    self.expansion()
                case _:
                    self.at += 1
        raise _IncompleteError("a quotation that begins with '\"' has no end")

    def backticks(self) -> None:
        self.at += 1
        while self.at < len(self.text):
            sign = self.text[self.at]
            self.at += 2 if sign == "\\" else 1
            if sign == "`":
                return
        raise _IncompleteError("'`' has no second one")

    def expansion(self) -> None:
        """Read what begins with a dollar sign."""
        rest = self.text[self.at + 1 : self.at + 3]
        if rest == "((":
            raise _UnknownError
        self.at += 2 if rest[:1] and rest[:1] in "({" else 1
        if rest[:1] == "(":
            inner, self.documents = self.documents, []
            self.commands(until=")")
            if self.documents:
                raise _UnknownError
            self.documents = inner
        elif rest[:1] == "{":
            self.braces()
        elif rest[:1] == "'":
            raise _UnknownError  # quotes with escapes in bash, a dollar sign before a quotation in sh

    def braces(self) -> None:
        while self.at < len(self.text):
            match self.text[self.at]:
                case "}":
                    self.at += 1
                    return
                case "\\":
                    self.at += 2
                case "'":
                    raise _UnknownError  # whether it quotes depends on what is around
                case '"':
                    self.double()
                case "`":
                    self.backticks()
                case "$":
                    self.expansion()
                case _:
                    self.at += 1
        raise _IncompleteError("'${' has no '}'")

    def skip_documents(self) -> None:
        """Skip the bodies of the here-documents that the line before has announced."""
        while self.documents:
            delimiter, tabs = self.documents[0]
            while self.at < len(self.text):
                end = self.text.find("\n", self.at)
                line = self.text[self.at : end if end >= 0 else len(self.text)]
                self.at = len(self.text) if end < 0 else end + 1
                if (line.lstrip("\t") if tabs else line) == delimiter:
                    break
            else:
                return
            self.documents.pop(0)
