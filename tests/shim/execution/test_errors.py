"""Test that whatever a dialect raises becomes the reason of the execution, in its manifest."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from translator.shim import run_contract
from translator.shim.runners.process import interpreter

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.shim.conftest import Worker


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Exception], None]:
    """Let a function of the contract raise an exception."""

    def make(function: str, error: Exception) -> None:
        def fail(*_: Any) -> Any:
            raise error

        contract = replace(run_contract.load("valohai"), **{function: fail})
        monkeypatch.setattr(run_contract, "load", lambda _: contract)

    return make


@pytest.mark.parametrize(
    ("function", "error", "reason"),
    [
        ("bring", ValueError("wrong"), "wrong"),
        ("launch", ValueError("wrong"), "wrong"),
        ("gather", ValueError("wrong"), "cannot read the command's outputs: ValueError: wrong"),
        ("gather", TypeError("wrong"), "cannot read the command's outputs: TypeError: wrong"),
    ],
)
def test_an_expected_error_is_the_reason(worker: Worker, broken, function: str, error: Exception, reason: str) -> None:
    broken(function, error)
    manifest = worker.run("true")
    assert (manifest.state, manifest.reason) == ("error", reason)


@pytest.mark.parametrize("function", ["label", "bring", "launch", "use"])
def test_a_mistake_of_a_dialect_is_recorded_and_raised(worker: Worker, broken, function: str) -> None:
    """The engine shows the traceback, and the store has the reason."""
    broken(function, TypeError("wrong"))
    with pytest.raises(TypeError):
        worker.run("true")
    (manifest,) = worker.manifests()
    assert manifest.reason == "the execution failed unexpectedly: TypeError: wrong"


@pytest.mark.parametrize("facts", [[], 1, {}, {"wheels": 1}])
def test_a_program_that_is_not_an_interpreter_is_ignored(tmp_path: Path, facts: object) -> None:
    program = tmp_path / "python3"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(facts)}'\n")
    program.chmod(0o755)
    assert interpreter._facts_of(str(program), 0) is None
