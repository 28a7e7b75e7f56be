"""Define inert versions of the classes with which Python code defines pipelines of runnable."""

from __future__ import annotations

from typing import Any


class _Defined:
    """A part of a pipeline; it stores its arguments."""

    def __init__(self, **given: Any) -> None:
        self.__dict__.update(given)

    def __rshift__(self, other: Any) -> Any:
        self.next_node = other.name
        return other

    def __lshift__(self, other: Any) -> Any:
        other.next_node = self.__dict__["name"]
        return other

    def as_pipeline(self) -> Pipeline:
        """Return a pipeline that consists of this part."""
        return Pipeline(steps=[self])

    def as_async_pipeline(self) -> AsyncPipeline:
        """Return a pipeline that consists of this part."""
        return AsyncPipeline(steps=[self])

    def execute(self, *_: Any, **__: Any) -> dict[str, Any]:
        """Do nothing, because a pipeline is already running."""
        return {}


class TaskReturns(_Defined):
    """The name and kind of what a task returns."""


class Catalog(_Defined):
    """Files that a task takes from the catalog and puts there."""


class BaseTraversal(_Defined):
    """A node."""


class BaseTask(BaseTraversal):
    """A task."""


class PythonTask(BaseTask):
    """A function."""


class AsyncPythonTask(BaseTask):
    """A coroutine function."""


class NotebookTask(BaseTask):
    """A notebook."""


class ShellTask(BaseTask):
    """A command."""


class Stub(BaseTraversal):
    """A step that does nothing."""


class Parallel(BaseTraversal):
    """Parallel branches."""


class Conditional(BaseTraversal):
    """One of several branches."""


class Map(BaseTraversal):
    """A branch per item of a list."""


class Loop(BaseTraversal):
    """A branch that runs repeatedly."""


class Success(_Defined):
    """The end of a pipeline."""


class Fail(_Defined):
    """The failed end of a pipeline."""


class Pipeline(_Defined):
    """A pipeline."""


class AsyncPipeline(_Defined):
    """A pipeline of coroutine functions."""


class PythonJob(_Defined):
    """A function on its own."""


class NotebookJob(_Defined):
    """A notebook on its own."""


class ShellJob(_Defined):
    """A command on its own."""


def pickled(name: str) -> TaskReturns:
    """Return an object that is returned."""
    return TaskReturns(name=name, kind="object")


def json(name: str) -> TaskReturns:
    """Return a JSON value that is returned."""
    return TaskReturns(name=name, kind="json")


def metric(name: str) -> TaskReturns:
    """Return a metric that is returned."""
    return TaskReturns(name=name, kind="metric")
