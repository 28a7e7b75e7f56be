"""Define errors for users; the base class lies in the shim, which imports nothing of the compiler and raises it too."""

from translator.shim.errors import TranslatorError

__all__ = ["TranslatorError", "UncheckedPipelineError"]


class UncheckedPipelineError(TranslatorError):
    """A construct that a target or the specification does not support, and that no check has reported before."""

    def __init__(self, construct: str, where: str) -> None:
        super().__init__(
            f"{construct} is not supported {where}",
            "let the dialect or the target report it as an error before a file is generated",
        )
