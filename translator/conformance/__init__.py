"""Check the rules for all dialects, targets and runners, including those of other packages.

::

    python -m translator.conformance dialect NAME FILE...
    python -m translator.conformance target NAME FILE...
    python -m translator.conformance runner NAME

or in a test: ``assert conformance.dialect("toy", files) == []``. The files are good examples, each with at least one
pipeline. What is found is told in words, nothing is raised.
"""

from translator.conformance.dialects import dialect
from translator.conformance.runners import runner
from translator.conformance.targets import target

__all__ = ["dialect", "runner", "target"]
