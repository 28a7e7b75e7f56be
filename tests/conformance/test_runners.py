"""Test that the checks of runners find what is wrong with one."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from translator.conformance.runners import CHECKS, Subject, run_check, runner
from translator.shim import runners
from translator.shim.contract import Runner as Chosen
from translator.shim.runners import Place, Request, Runner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from translator.shim.process.supervise import Ended

REAL = runners.load("process")
LASTING: list[subprocess.Popen[bytes]] = []
"""Processes that a faulty runner has left."""


def changed(place: Callable[[Place, Request], Place]) -> Runner:
    """Return the process runner with a change of the place that it makes."""

    @contextmanager
    def opened(request: Request) -> Iterator[Place]:
        with REAL.open(request) as inner:
            yield place(inner, request)

    return Runner(opened, REAL.check)


def status(place: Place, request: Request) -> Place:
    def run(*arguments: Any, **more: Any) -> Ended:
        return replace(place.run(*arguments, **more), exit_status=0)

    return replace(place, run=run)


def silence(place: Place, request: Request) -> Place:
    def run(*arguments: Any, **more: Any) -> Ended:
        return place.run(*arguments, **{**more, "output": lambda _: None})

    return replace(place, run=run)


def shared(place: Place, request: Request) -> Place:
    def run(*arguments: Any, **more: Any) -> Ended:
        return place.run(*arguments, **{**more, "folder": request.project})

    return replace(place, run=run)


def leaking(place: Place, request: Request) -> Place:
    return replace(place, surroundings={**place.surroundings, "PREFECT_API_KEY": "secret"})


def lasting(place: Place, request: Request) -> Place:
    def run(arguments: Any, **more: Any) -> Ended:
        ended = place.run(arguments, **more)
        begun = next((item for item in arguments if "sleep 600." in item), "")
        if begun:
            LASTING.append(subprocess.Popen(begun[begun.index("sleep 600.") :].split()[:2]))
        return ended

    return replace(place, run=run)


def untidy(place: Place, request: Request) -> Place:
    (request.space.root.parent.parent / "left").mkdir(exist_ok=True)
    return place


@pytest.mark.parametrize(
    ("faulty", "check", "said"),
    [
        (changed(status), "exit statuses", "the exit status of 'exit 7' is not 7"),
        (changed(silence), "directories", "the metadata are wrong"),
        (changed(shared), "working copy, small: adds files", "the project is not what it was"),
        (changed(leaking), "environment", "the environment is wrong"),
        (changed(lasting), "daemon in its own session", "a process in its own session outlives the command"),
        (changed(untidy), "destruction", "the execution left ['left']"),
        (Runner(REAL.open), "settings", "check() says nothing of a setting that does not exist"),
    ],
)
def test_the_checks_find_what_is_wrong(monkeypatch: pytest.MonkeyPatch, faulty: Runner, check: str, said: str) -> None:
    monkeypatch.setenv("TRANSLATOR_NAMESPACE", "never")  # in a namespace, the kernel prevents some of it
    chosen = Subject(Chosen("process"), isolated=False)
    assert run_check(check, chosen) == []
    monkeypatch.setattr(runners, "load", lambda _: faulty)
    found = run_check(check, chosen)
    assert any(said in problem for problem in found), found
    assert all(problem.startswith(f"{check}: ") for problem in found)
    while LASTING:
        LASTING[-1].kill()
        LASTING.pop().wait()


def test_a_runner_that_is_not_installed_is_named() -> None:
    (problem,) = runner("nobody")
    assert problem.startswith("there is no runner 'nobody' on this worker")


def test_an_exception_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Any) -> Iterator[str]:
        raise ValueError("broken")

    monkeypatch.setitem(CHECKS, "broken", broken)  # type: ignore[arg-type]
    assert run_check("broken", Subject(None)) == ["broken: it raises ValueError('broken')"]
