"""Define what the exit status of a command means."""

from translator.errors import TranslatorError

OK, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130
"""The exit status of a command: success; errors; bad usage; stopped with Ctrl-C."""


class UsageError(TranslatorError):
    """An invalid command line, described in one line."""

    def __str__(self) -> str:
        return self.message if self.hint is None else f"{self.message}; {self.hint}"
