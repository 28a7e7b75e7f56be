"""Find the directory of a run in the store, and keep runs with equal names apart.

Engines reuse names: a run is deleted and another one gets its id, two deployments schedule runs with equal ids, two
pipelines have one name. So the first execution of a run writes who owns the run's directory, and a run that finds the
directory of another takes the next: ``RUN-2``, ``RUN-3``, ....
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from translator.shim.json_values.depth import parse
from translator.shim.store.base import StoreError
from translator.shim.store.keys import key_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from translator.shim.store.base import Store

OWNER = "owner.json"


def own_folder(
    store: Store,
    pipeline: str,
    run: str,
    owner: Mapping[str, str],
    *,
    is_own: Callable[[Mapping[str, Any], str], bool],
) -> str:
    """Return the name of a run in the store, which no other run has; claim a name if the run has none yet.

    Args:
        store: the store.
        pipeline: name of the pipeline.
        run: the engine's id of the run.
        owner: the identity of the run in this attempt, the same for all its executions.
        is_own: returns whether another owner, with the URI of its directory, is an earlier attempt of this run.

    Raises:
        StoreError: the store cannot be read or written.
    """
    content = f"{json.dumps(dict(owner), indent=2, sort_keys=True)}\n".encode()
    name, number = run, 1
    while True:
        key = key_of(pipeline, name, name=OWNER)
        there = store.create(key, content)
        if there is None or there == content:
            return name
        try:
            other = parse(there)
        except ValueError as error:
            raise StoreError(f"{store.uri(key)} is not JSON: {error}") from error
        if isinstance(other, dict) and is_own(other, store.location(pipeline, name)):
            return name
        number += 1
        name = f"{run}-{number}"
