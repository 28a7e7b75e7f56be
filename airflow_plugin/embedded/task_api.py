"""Give the API for tasks, which ``dag.test()`` has in its own process, only the version that its tasks use.

Airflow prepares it for workers of every earlier version, which takes longer than everything else before the first task.
"""

from __future__ import annotations

import contextlib

_OF_OLDER_VERSIONS = "_CADWYN_DELETED_ROUTE"
"""The tag of paths that the newest version does not have."""


def keep_one_version() -> None:
    """Keep the version that this Airflow's own tasks use, before the API is created; nothing else asks it."""
    with contextlib.suppress(AttributeError, ImportError):  # private, and only a matter of speed
        from airflow.api_fastapi.execution_api import versions
        from airflow.api_fastapi.execution_api.routes import execution_api_router as router
        from airflow.sdk.api.datamodels._generated import API_VERSION

        bundle, newest = versions.bundle, versions.bundle.versions[0]
        if newest.value == API_VERSION:
            versions.bundle = type(bundle)(type(newest)(API_VERSION))
            router.routes = [one for one in router.routes if _OF_OLDER_VERSIONS not in getattr(one, "tags", ())]
