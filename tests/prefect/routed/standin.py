"""Runs shell steps of routed graphs as far as states and parameters go; a line NAME=JSON writes a parameter."""

from __future__ import annotations

import json
import os
import subprocess
from typing import Any

from translator.shim import clock, scopes
from translator.shim.contract import Context, Manifest, Scope, State, Step
from translator.shim.store import open_store


def execute(step: Step, context: Context, *, parameters: Any, inputs: Any, scope: Scope) -> Manifest:
    store = open_store(context.store)
    which, started = store.claim(context.id), clock.now()
    store.begin(which, {}, started)
    told = {k: v if isinstance(v, str) else json.dumps(v) for k, v in {**scope.parameters, **scope.items}.items()}
    loops = {name: str(value) for name, value in scope.loops.items()}
    ran = subprocess.run(
        ["sh", "-c", " && ".join(step.command) or ":"],
        env={**os.environ, **told, **loops},
        cwd=context.project,
        capture_output=True,
        text=True,
        check=False,
    )
    for line in ran.stdout.splitlines():
        context.log(line)
    written = dict(line.split("=", 1) for line in ran.stdout.splitlines() if "=" in line)
    state = State.ERROR if ran.returncode else State.COMPLETE
    left = scopes.after(scope, {k: json.loads(v) for k, v in written.items()}, {}) if state is State.COMPLETE else scope
    reason = f"exit status {ran.returncode}" if ran.returncode else None
    return store.commit(
        Manifest(which, state, {}, {}, {}, [], started, clock.now(), ran.returncode, reason, scope=left)
    )
