"""Define the exceptions that end tasks, and those for authors of DAGs that differ from generated ones."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException, AirflowSkipException

from translator.shim.errors import TranslatorError


class ExecutionError(TranslatorError, AirflowException):
    """An execution that failed; Airflow tries it again if the task has retries left."""


class FinalExecutionError(TranslatorError, AirflowFailException):
    """An execution that failed and is not tried again, even if the deployment sets ``retries``."""


class NodeError(TranslatorError, AirflowFailException):
    """A node that failed because of its grid, its branches or its policy, not because of an execution."""


class DagError(TranslatorError, ValueError):
    """A DAG that uses these operators differently from generated DAGs, in a way that cannot work."""


class RunError(TranslatorError, AirflowFailException):
    """A run that is not complete."""


class NotStarted(AirflowSkipException):
    """A task that does nothing: it was not reached, a condition does not hold, or the run is being stopped."""


class Stopped(AirflowSkipException):
    """An execution or a branch that was stopped before its end."""
