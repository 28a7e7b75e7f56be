"""Test secrets as environment variables: where values come from, and that no text for people has them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from translator.shim.contract import State, Step
from translator.shim.execution import execute
from translator.shim.masking.uris import MASK

HIDDEN = "s3cr3t-of-the-team"
SHOW = 'echo "token=$API_TOKEN"; echo \'{"seen": "\'"$API_TOKEN"\'"}\'; test -n "$API_TOKEN"'


def step(**more: object) -> Step:
    return Step("s", [SHOW], secret_variables={"API_TOKEN": "ml_token"}, **more)  # type: ignore[arg-type]


def test_a_secret_comes_from_the_engine_and_is_masked(worker) -> None:
    masked: list[str] = []
    context = replace(worker.context(), secret={"ml_token": HIDDEN}.get, mask=masked.append)
    manifest = execute(step(), context)
    assert manifest.state is State.COMPLETE, manifest.reason
    assert f"token={MASK}" in worker.log
    assert masked == [HIDDEN]
    for file in worker.store.folder.rglob("*"):  # type: ignore[attr-defined]  # the store is a directory
        assert not file.is_file() or HIDDEN not in file.read_text(errors="replace"), file
    assert manifest.metadata == {"seen": MASK}


def test_the_worker_is_asked_first(worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ml_token", HIDDEN)
    context = replace(worker.context(), secret=lambda name: pytest.fail(f"asked for {name}"))
    assert execute(step(), context).state is State.COMPLETE
    assert f"token={MASK}" in worker.log


def test_a_secret_that_does_not_exist_fails_the_execution_before_its_command(worker) -> None:
    manifest = execute(step(), worker.context())
    assert manifest.state is State.ERROR
    assert "needs the secret 'ml_token' for API_TOKEN" in (manifest.reason or "")
    assert "create a Secret block" in (manifest.reason or "")
    assert not worker.output


def test_values_of_sensitive_names_are_masked(worker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DB_PASSWORD", HIDDEN)
    commands = ['echo "$DB_PASSWORD $API_KEY $REGION $USE_TOKEN"']
    given = {"API_KEY": "k-123456789", "REGION": "eu", "USE_TOKEN": "true"}
    named = Step("s", commands, environment=given, required_environment=["DB_PASSWORD"])
    assert worker.run(named).state is State.COMPLETE
    assert f"{MASK} {MASK} eu true" in worker.log
    assert HIDDEN not in json.dumps(worker.log)
