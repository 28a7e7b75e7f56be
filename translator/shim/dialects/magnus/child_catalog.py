"""Lets user code fetch from the catalog while its step runs (``magnus.get_from_catalog``)."""

from __future__ import annotations

import json
import os
from pathlib import Path

from translator.shim import bring, records
from translator.shim.dialects.magnus import catalog
from translator.shim.digest import no_pulse
from translator.shim.store import open_store


def fetch(pattern: str) -> None:
    """Place the catalog's files that match ``pattern`` into the working folder.

    Raises:
        ValueError: nothing matches.
    """
    document = json.loads((Path(os.environ["MAGNUS_STAND_IN"]) / "catalog.json").read_text(encoding="utf-8"))
    store = open_store(document["store"])
    files = {one["path"]: records.from_json(one, store.root) for one in document["files"]}
    source = bring.Source(store, Path.cwd(), str, print, no_pulse)
    catalog.get([pattern], files, Path.cwd(), source)
