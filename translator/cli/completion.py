"""Print completions for a shell (``translate completion SHELL``), made from the parsers of the commands."""

from __future__ import annotations

import sys
from argparse import SUPPRESS
from importlib import import_module
from shlex import quote
from typing import TYPE_CHECKING

from translator import registry
from translator.cli import docs, schema
from translator.cli.commands import COMMANDS, TRANSLATE
from translator.cli.exit_status import OK
from translator.cli.parser import Parser
from translator.rules import rules

if TYPE_CHECKING:
    from argparse import Action
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_TAKE_RUNS = ("show", "logs", "outputs", "compare")
"""The commands whose first argument is a run."""
_VALUES: Mapping[str, str] = {"--target": registry.TARGETS, "--dialect": registry.DIALECTS}
"""The options whose values are the names of a group of entry points."""
_RUN_NAME = "[A-Za-z0-9._:+~-]"
"""The characters of the runs that are offered: anyone who can write to a store can name a directory in it."""


def main(argv: Sequence[str]) -> int:
    """Run the command; return the exit status."""
    args = parser().parse(argv)
    sys.stdout.write(_SHELLS[args.shell]())
    return OK


def parser() -> Parser:
    """Return the parser of the arguments."""
    ways = "\n".join(f"  {shell:<5} {how}" for shell, how in _SETUP.items())
    arguments = Parser("completion", f"Print completions for a shell. Load them when it starts:\n\n{ways}")
    arguments.add_argument("shell", metavar="SHELL", choices=tuple(_SHELLS), help=", ".join(_SHELLS))
    return arguments


_SETUP = {
    "bash": 'eval "$(translate completion bash)"     in ~/.bashrc',
    "zsh": 'eval "$(translate completion zsh)"      in ~/.zshrc, after compinit',
    "fish": "translate completion fish | source      in ~/.config/fish/config.fish",
}


def _options(command: str) -> Iterator[tuple[Action, str]]:
    """Yield the options of a command with their long names; an empty name is that of ``translate FILE``."""
    for name, action in sorted(parser_of(command).options().items()):
        if name.startswith("--") and action.help != SUPPRESS:
            yield action, name


def parser_of(command: str) -> Parser:
    """Return the parser of a command; an empty name is that of ``translate FILE``."""
    if command == "completion":
        return parser()
    module = import_module(f"translator.cli.{command or TRANSLATE.name}")
    command_parser: Parser = module.parser()
    return command_parser


def _values(action: Action, name: str) -> Sequence[str]:
    """Return the values that an option accepts, or an empty sequence if any text may be one."""
    if name in _VALUES:
        return registry.names(_VALUES[name])
    if name == "--ignore":
        return _codes()
    return tuple(str(choice) for choice in action.choices or ())


def _words(command: str) -> tuple[str, ...]:
    """Return the words that the first argument of a command may be, besides files."""
    match command:
        case "init":
            return registry.names(registry.DIALECTS)
        case "completion":
            return tuple(_SHELLS)
        case "docs":
            return docs.names()
        case "rule":
            return _codes()
        case "schema":
            return tuple(schema.schemas())
    return ()


def _codes() -> tuple[str, ...]:
    """Return the codes of findings, without those that stand for several."""
    return tuple(code for code in rules() if not code.endswith("*"))


def _bash() -> str:
    options = {command: list(_options(command)) for command in ("", *COMMANDS)}
    values = {
        f"{command}:{name}": choices
        for command, pairs in options.items()
        for action, name in pairs
        if (choices := _values(action, name))
    }
    return _BASH % {
        "commands": _listed(COMMANDS),
        "name": _RUN_NAME,
        "options": _cases({command: [name for _, name in pairs] for command, pairs in options.items()}),
        "runs": "|".join(f"{command}:2" for command in _TAKE_RUNS),
        "words": _cases({command: words for command in COMMANDS if (words := _words(command))}),
        "values": _cases(values),
    }


def _cases(words: Mapping[str, Sequence[str]]) -> str:
    """Return the body of a ``case`` that prints words by key, one a line."""
    return "\n".join(f"        {quote(key)}) printf '%s\\n' {_listed(found)} ;;" for key, found in words.items())


def _listed(words: Iterable[str]) -> str:
    """Return words of a command for bash."""
    return " ".join(map(quote, words))


def _zsh() -> str:
    # zsh runs completions of bash; this one needs nothing else of it.
    return f"autoload -U +X bashcompinit && bashcompinit\n{_bash()}"


def _fish() -> str:
    first = "complete -c translate -n __fish_is_first_token"
    lines = [_FISH_RUNS, *(f"{first} -a {command.name} -d {_quoted(command.summary)}" for command in COMMANDS.values())]
    for name in ("", *COMMANDS):
        seen = (
            f"__fish_seen_subcommand_from {name}" if name else f"not __fish_seen_subcommand_from {' '.join(COMMANDS)}"
        )
        start = f"complete -c translate -n '{seen}'"
        lines.extend(f"{start} -f -a {word}" for word in _words(name))
        if name in _TAKE_RUNS:
            lines.append(f"{start} -f -a '(__translate_runs)'")
        for action, option in _options(name):
            values = _values(action, option)
            completions = f" -x -a '{' '.join(values)}'" if values else "" if action.nargs == 0 else " -r"
            lines.append(f"{start} -l {option[2:]}{completions} -d {_quoted(_help(action))}")
    return "\n".join(lines) + "\n"


def _help(action: Action) -> str:
    return (action.help or "").replace("%%", "%")


def _quoted(text: str) -> str:
    """Quote a text for fish, which knows two escapes between single quotes."""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


_FISH_RUNS = f"""\
function __translate_runs
    echo latest
    translate runs --format json 2>/dev/null | string match -rg '^ *"run": "({_RUN_NAME}+)",$'
end"""
# Names of files and runs must not reach `compgen -W`, which runs commands in them.
_BASH = """\
_translate_options() {
    case "$1" in
%(options)s
    esac
}
_translate_words() {
    case "$1" in
%(words)s
    esac
}
_translate_values() {
    case "$1" in
%(values)s
    esac
}
_translate_runs() {
    echo latest
    translate runs --format json 2>/dev/null | sed -n 's/^ *"run": "\\(%(name)s*\\)",$/\\1/p'
}
_translate_offer() {
    local line
    while IFS= read -r line; do
        case "$line" in
        "") ;;
        "$1"*) COMPREPLY+=("$line") ;;
        esac
    done <<< "$2"
}
_translate() {
    local word="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" command="" known
    for known in %(commands)s; do
        if [ "$COMP_CWORD" -gt 1 ] && [ "${COMP_WORDS[1]}" = "$known" ]; then command="$known"; fi
    done
    local values="$(_translate_values "$command:$before")"
    COMPREPLY=()
    if [ -n "$values" ]; then
        _translate_offer "$word" "$values"
    elif [ "${word#-}" != "$word" ]; then
        _translate_offer "$word" "$(_translate_options "$command")"
    elif [ "$COMP_CWORD" -eq 1 ]; then
        _translate_offer "$word" "$(printf '%%s\\n' %(commands)s)"
        _translate_offer "" "$(compgen -f -- "$word")"
    elif [ -n "$command" ] && [ "$COMP_CWORD" -eq 2 ] && [ -n "$(_translate_words "$command")" ]; then
        _translate_offer "$word" "$(_translate_words "$command")"
    else
        case "$command:$COMP_CWORD" in
        compare:3|%(runs)s) _translate_offer "$word" "$(_translate_runs)" ;;
        *) _translate_offer "" "$(compgen -f -- "$word")" ;;
        esac
    fi
}
complete -o filenames -F _translate translate
"""
_SHELLS = {"bash": _bash, "zsh": _zsh, "fish": _fish}
