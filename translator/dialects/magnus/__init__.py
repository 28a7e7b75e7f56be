"""Read Magnus 0.5: a ``dag`` of steps with explicit ends, and one set of parameters per run.

The authority is the engine itself, ``magnus==0.5.1``; what it rejects is rejected, and what it would crash on is
said (docs/magnus.md).
"""

from translator.dialects.controlflow.dialect import dialect

DIALECT = dialect("magnus", "Magnus")
