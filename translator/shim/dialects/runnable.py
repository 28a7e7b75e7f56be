"""The run contract of runnable, which Magnus became: that of Magnus by other rules."""

from __future__ import annotations

from translator.shim.dialects.magnus import contract
from translator.shim.dialects.magnus.rules import RULES

CONTRACT = contract(RULES["runnable"])
