"""Read the number of random histories of runs, and the seed to draw them from (``make histories``)."""

from __future__ import annotations

import os

MANY = int(os.environ.get("TRANSLATOR_HISTORIES", "0"))
SEED = int(os.environ.get("TRANSLATOR_HISTORIES_SEED", "0"))
