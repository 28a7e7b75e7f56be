"""Read runnable 0.50, the successor of Magnus: implicit ends, ``returns``, conditional steps and loops.

The authority is the engine itself, ``runnable==0.50.0``; what it rejects is rejected, and what it would crash on is
said (docs/magnus.md).
"""

from translator.dialects.controlflow.dialect import dialect

DIALECT = dialect("runnable", "runnable")
