"""Parse the arguments of a command: an error is one line, and names the option that was meant."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, NoReturn

from translator.cli.commands import COMMANDS, TRANSLATE
from translator.cli.exit_status import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

_LONG = "--"


class Parser(argparse.ArgumentParser):
    """A parser for the arguments of one command."""

    def __init__(self, name: str, description: str, *, page: str | None = None) -> None:
        """Build it.

        Args:
            name: the command's name, in ``translator.cli.commands``.
            description: the text that its help starts with.
            page: the page of the documentation that describes it.
        """
        command = COMMANDS.get(name, TRANSLATE)
        prog = "translate" if command is TRANSLATE else f"translate {name}"
        usage = f"{prog} {command.arguments}".rstrip()
        super().__init__(
            prog=prog,
            usage=f"{usage} [options]",
            description=description,
            epilog=f"documentation: translate docs {page}" if page else "documentation: translate docs",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )

    def parse(self, args: Sequence[str]) -> argparse.Namespace:
        """Parse the arguments.

        Raises:
            UsageError: they are invalid.
        """
        for argument in args:
            if argument == _LONG:
                break
            self._refuse_unknown(argument)
        return self.parse_args(args)

    def error(self, message: str) -> NoReturn:
        """Raise an error of one line."""
        raise UsageError(f"{message}; see: {self.prog} --help")

    def options(self) -> dict[str, argparse.Action]:
        """Return the options, by their names."""
        return dict(self._option_string_actions)

    def _refuse_unknown(self, argument: str) -> None:
        """Refuse a long option that does not exist, before argparse misses what it would have set."""
        name = argument.partition("=")[0]
        if not name.startswith(_LONG) or " " in name:  # argparse takes a text with a space as a value, too
            return
        long = [option for option in self.options() if option.startswith(_LONG)]
        if any(option.startswith(name) for option in long):
            return
        from translator.names import closest

        meant = closest(name, long)
        suggestion = f"did you mean {meant}?" if meant else f"see: {self.prog} --help"
        raise UsageError(f"there is no option {name}; {suggestion}")
