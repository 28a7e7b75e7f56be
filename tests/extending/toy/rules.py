"""Explain the diagnostic codes of toys, for ``translate rule``, SARIF and ignores."""

from translator.rules import Rule

RULES = (Rule("missing-run", ("error",), "a step of a toy has no `run`", "Write the command that the step runs."),)
