"""Define inert versions of the classes with which a module builds pipelines in Python.

Functions often live beside the code that builds a pipeline of them, so a step that imports the module needs the names.
The pipeline already exists when the step runs, so the classes build nothing.
"""

from __future__ import annotations

from typing import Any


class _Part:
    def __init__(self, *_: Any, **__: Any) -> None:
        raise RuntimeError(
            f"magnus.{type(self).__name__} builds pipelines, which a step cannot do: "
            'move this code under `if __name__ == "__main__":`'
        )


class Catalog(_Part):
    """The files that a step gets and puts."""


class Fail(_Part):
    """A node at which a graph fails."""


class Map(_Part):
    """A map."""


class Parallel(_Part):
    """A parallel node."""


class Pipeline(_Part):
    """A pipeline."""


class Stub(_Part):
    """A stub."""


class Success(_Part):
    """A node at which a graph succeeds."""


class Task(_Part):
    """A task."""
