"""Skip the tests of the Prefect target unless Prefect is installed."""

from importlib.util import find_spec

if find_spec("prefect") is None:
    collect_ignore_glob = ["test_*.py"]
else:
    from tests.prefect.fixtures import run, server, worker

    __all__ = ["run", "server", "worker"]
