"""Name the environment variables that decide where a run reads and writes, on each engine."""

from __future__ import annotations

STORE = "TRANSLATOR_STORE"
"""The URI of the artifact store, which counts before what the generated file says."""
RUN = "TRANSLATOR_RUN"
"""The run's name in the store, if a command chose it before the engine started."""
RESUME = "TRANSLATOR_RESUME"
"""The earlier run whose complete executions this run keeps (``translate run --resume``)."""
PROJECT = "TRANSLATOR_PROJECT"
"""The project directory, if it is not beside the generated file."""
LAUNCH_PATHS = "TRANSLATOR_LAUNCH_PATHS"
"""What a run may choose for its inputs: directories outside the project, prefixes of URIs; separated by commas."""
ENVIRONMENT = "TRANSLATOR_ENVIRONMENT"
"""The environment of the catalogue whose names of data count, such as ``production``."""
PRIVATE = "TRANSLATOR_PRIVATE"
"""Set if the engine is a private one, which ``translate run`` has started and which knows nothing of a deployment."""
