"""Define errors for users; the class lies in the shim, which imports nothing of the compiler and raises it too."""

from translator.shim.errors import TranslatorError

__all__ = ["TranslatorError"]
