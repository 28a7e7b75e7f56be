"""Define what the exit status of a command means."""

from translator.errors import TranslatorError

OK, FAILED, USAGE = 0, 1, 2
"""The exit status of a command: success; errors; bad usage."""


class UsageError(TranslatorError):
    """An invalid command line."""
