"""Show each execution in Airflow's UI: its outputs, log and manifest, read from the artifact store.

Airflow mounts the apps of plugins without authentication, so the app checks the user itself. Users who may see the
XComs of a DAG may see the page, the manifest and the outputs, because XComs hold what tasks return. Users who may see
its logs may see the log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from airflow.providers.common.compat.sdk import conf

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from airflow.providers.common.compat.sdk import TaskInstanceKey

PREFIX = "/pipeline-translator"
"""The path of the app below the base URL of Airflow's API server."""


def url_of(ti_key: TaskInstanceKey, name: str = "") -> str:
    """Return the URL of an execution's page, or of a file of the execution.

    It is absolute if ``[api] base_url`` is set, as Airflow's own links are, else it has no host.

    Args:
        ti_key: the task instance and the number of the try.
        name: ``manifest.json``, ``log.txt``, or nothing for the page.
    """
    base = conf.get("api", "base_url", fallback="") or ""
    parts = ("dags", ti_key.dag_id, "runs", ti_key.run_id, "tasks", ti_key.task_id, ti_key.map_index, ti_key.try_number)
    return "/".join(
        (base.rstrip("/") + PREFIX, *(quote(str(part), safe="") for part in parts), *([name] if name else []))
    )


class Console:
    """The app, created on the first request: workers load plugins too, and need no web framework."""

    def __init__(self) -> None:
        self._app: Any = None

    async def __call__(
        self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Callable[[Any], Awaitable[None]]
    ) -> None:
        """Answer a request; see the ASGI specification."""
        if self._app is None:
            from airflow_plugin.console.app import create

            self._app = create()
        await self._app(scope, receive, send)
