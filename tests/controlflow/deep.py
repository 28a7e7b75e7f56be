"""Build a pipeline that gets a parameter with too many levels of nesting."""

from __future__ import annotations

from typing import Any

DEEP = """
dag:
  start_at: each
  steps:
    each:
      type: map
      iterate_on: xs
      iterate_as: x
      next: success
      on_failure: one
      branch:
        start_at: a
        steps: {a: {type: stub, next: success}, success: {type: success}, fail: {type: fail}}
    one: {type: task, command_type: shell, command: echo ran, next: success}
    success: {type: success}
    fail: {type: fail}
"""
TOLD = "parameter 'xs' cannot be used: it is nested deeper than 100"


def nested(depth: int) -> Any:
    """Return a list in lists."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value
