"""Run the steps of runnable, the successor of Magnus, by Magnus's contract with other rules."""

from __future__ import annotations

from translator.shim.dialects.magnus import contract
from translator.shim.dialects.magnus.rules import RULES

CONTRACT = contract(RULES["runnable"])
