"""Let user code get files from the catalog while its step runs (``magnus.get_from_catalog``)."""

from __future__ import annotations

import json
import os
from pathlib import Path

from translator.shim.dialects.magnus import catalog
from translator.shim.files.digest import no_pulse
from translator.shim.inputs import stage
from translator.shim.store import open_store, records


def fetch(pattern: str) -> None:
    """Place the catalog's files that match ``pattern`` into the working directory, including those that this step put.

    Raises:
        ValueError: nothing matches.
    """
    here = Path(os.environ["MAGNUS_STAND_IN"])
    own = catalog.put([pattern], here / "put", Path.cwd()) == []
    document = json.loads((here / "catalog.json").read_text(encoding="utf-8"))
    store = open_store(document["store"])
    files = {one["path"]: records.from_json(one, store.root) for one in document["files"]}
    source = stage.Source(store, Path.cwd(), str, print, no_pulse)
    taken = {path for path in files if (here / "put" / path).is_file()}
    files = {path: file for path, file in files.items() if path not in taken}
    if not own or catalog.matching(pattern, files):
        catalog.get([pattern], files, Path.cwd(), source)
