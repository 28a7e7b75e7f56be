"""Serve the pages behind the links: check what the user may see, and send it.

A request names an output by its number in the manifest, so no path from a request reaches the store. Browsers run
nothing that is sent: outputs are attachments without a type, and everything else is sandboxed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import quote, urlsplit, urlunsplit

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from airflow.providers.common.compat.sdk import TaskInstanceKey
from fastapi import Depends, FastAPI, HTTPException, Path, Request, Response, status
from fastapi.responses import HTMLResponse, RedirectResponse, StreamingResponse

from airflow_plugin.configuration.locations import store_address
from airflow_plugin.console import page
from airflow_plugin.console.attempts import UnknownAttemptError, execution_of, folder_of, leaves_manifest
from airflow_plugin.database.lookups import dag_of
from translator.shim.store import LOG, MANIFEST, OUTPUTS, NoManifestError, StoreError, open_store, uploads

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import BinaryIO

    from translator.shim.contract import ExecutionId, FileRecord, Manifest
    from translator.shim.store import Store

Answer = TypeVar("Answer", bound="Callable[..., Response]")

_BLOCK = 1 << 20
_MOST = (1 << 31) - 1  # what fits into a column of Airflow's database
_TRY = "/dags/{dag_id}/runs/{run_id}/tasks/{task_id}/{map_index}/{try_number}"
_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
_PAGE_HEADERS = {**_HEADERS, "Content-Security-Policy": page.POLICY, "X-Frame-Options": "SAMEORIGIN"}


class Try:
    """A try of a task instance, and its place in the store."""

    def __init__(self, key: TaskInstanceKey) -> None:
        dag = dag_of(key.dag_id, key.run_id, key.task_id, key.map_index)
        if dag is None or not dag.has_task(key.task_id) or not leaves_manifest(operator := dag.get_task(key.task_id)):
            raise HTTPException(status.HTTP_404_NOT_FOUND, "unknown step")
        self.id: ExecutionId = execution_of(operator, key)
        self.folder: str | None = None
        self.missing = ""
        """Why there is no directory."""
        try:
            self.store: Store = open_store(store_address(dag.default_args))
            self.folder = folder_of(key, self.id.pipeline, self.store)
        except UnknownAttemptError as error:
            self.missing = str(error)
        except StoreError as error:
            raise HTTPException(status.HTTP_502_BAD_GATEWAY, str(error)) from error

    def has(self, name: str) -> bool:
        """Return whether a file is in the directory of the try."""
        if self.folder is None:
            return False
        try:
            self.store.open(f"{self.folder}/{name}").close()
        except (FileNotFoundError, StoreError):
            return False
        return True

    def manifest(self) -> Manifest | None:
        """Return the manifest of the try, if it has ended."""
        if self.folder is None:
            return None
        try:
            return self.store.manifest(self.store.uri(f"{self.folder}/{MANIFEST}"))
        except NoManifestError:
            return None
        except StoreError as error:
            raise HTTPException(status.HTTP_502_BAD_GATEWAY, str(error)) from error

    def uploads(self) -> list[FileRecord]:
        """Return the outputs that the try published before its command ended."""
        if self.folder is None:
            return []
        try:
            return uploads.read(self.store, self.folder)
        except StoreError as error:
            raise HTTPException(status.HTTP_502_BAD_GATEWAY, str(error)) from error

    def nothing(self, name: str) -> str:
        """Explain why a file of the attempt is missing: what was looked for."""
        return self.missing or f"there is no {self.store.uri(f'{self.folder}/{name}')}"

    def open(self, name: str) -> BinaryIO:
        """Open a file in the directory of the try."""
        if self.folder is None:
            raise HTTPException(status.HTTP_404_NOT_FOUND, self.missing)
        try:
            return self.store.open(f"{self.folder}/{name}")
        except FileNotFoundError:
            raise HTTPException(status.HTTP_404_NOT_FOUND, self.nothing(name)) from None
        except StoreError as error:
            raise HTTPException(status.HTTP_502_BAD_GATEWAY, str(error)) from error


def requested(
    dag_id: str,
    run_id: Annotated[str, Path(pattern=r"^[^\x00]+$")],
    task_id: str,
    map_index: Annotated[int, Path(ge=-1, le=_MOST)],
    try_number: Annotated[int, Path(ge=1, le=_MOST)],
) -> Try:
    """Return the try that a request names.

    This is a function, because older versions of FastAPI cannot read the annotations of a class.
    """
    return Try(TaskInstanceKey(dag_id, task_id, run_id, try_number, map_index))


TryDep = Annotated[Try, Depends(requested)]


def create() -> FastAPI:
    """Make the app."""
    app = FastAPI(title="Pipeline translator", openapi_url=None)

    def get(path: str, entity: DagAccessEntity) -> Callable[[Answer], Answer]:
        return app.get(f"{_TRY}{path}", dependencies=[Depends(requires_access_dag("GET", entity))])

    @get("", DagAccessEntity.XCOM)
    def show(attempt: TryDep) -> Response:
        manifest = attempt.manifest()
        published = attempt.uploads() if manifest is None else []
        shown = page.html(attempt.id, manifest or attempt.nothing(MANIFEST), published, has_log=attempt.has(LOG))
        return HTMLResponse(shown, headers=_PAGE_HEADERS)

    @get(f"/{MANIFEST}", DagAccessEntity.XCOM)
    def show_manifest(attempt: TryDep) -> Response:
        return _sent(attempt.open(MANIFEST), "application/json")

    @get(f"/{LOG}", DagAccessEntity.TASK_LOGS)
    def show_log(attempt: TryDep) -> Response:
        return _sent(attempt.open(LOG), "text/plain; charset=utf-8")

    @get("/outputs/{number}/{name}", DagAccessEntity.XCOM)
    def download(attempt: TryDep, number: Annotated[int, Path(ge=0)]) -> Response:
        manifest = attempt.manifest()
        return _download(attempt, manifest.outputs if manifest is not None else (), number)

    @get("/uploads/{number}/{name}", DagAccessEntity.XCOM)
    def download_upload(attempt: TryDep, number: Annotated[int, Path(ge=0)]) -> Response:
        return _download(attempt, attempt.uploads(), number)

    @app.exception_handler(status.HTTP_401_UNAUTHORIZED)
    def log_in(request: Request, error: Exception) -> Response:
        """Redirect to Airflow's login page, and back again."""
        if "text/html" not in request.headers.get("accept", ""):
            return Response(str(getattr(error, "detail", "")), status.HTTP_401_UNAUTHORIZED, headers=_HEADERS)
        wanted_url = urlunsplit(("", "", *urlsplit(str(request.url))[2:4], ""))
        login = get_auth_manager().get_url_login()
        return RedirectResponse(
            f"{login}{'&' if '?' in login else '?'}next={quote(wanted_url, safe='')}", headers=_HEADERS
        )

    return app


def _download(attempt: Try, files: Sequence[FileRecord], number: int) -> Response:
    """Send the output with a number."""
    if number >= len(files):
        raise HTTPException(status.HTTP_404_NOT_FOUND, "unknown output")
    record = files[number]
    return _sent(
        attempt.open(_name(attempt, record)), "application/octet-stream", file_name=page.base_name(record.path)
    )


def _name(attempt: Try, record: FileRecord) -> str:
    """Return the path of an output in its attempt's directory; a manifest may not name files outside it."""
    key = attempt.store.key(record.uri) if attempt.store.owns(record.uri) else ""
    if not key.startswith(f"{attempt.folder}/{OUTPUTS}/"):
        raise HTTPException(status.HTTP_404_NOT_FOUND, "this output is not in the store")
    return key.removeprefix(f"{attempt.folder}/")


def _sent(file: BinaryIO, media_type: str, *, file_name: str | None = None) -> Response:
    """Send a file block by block; with a name, as a download."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    headers = {**_HEADERS, "Content-Length": str(size)}
    if file_name is not None:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file_name, safe='')}"
    return StreamingResponse(_blocks(file, size), media_type=media_type, headers=headers)


def _blocks(file: BinaryIO, size: int) -> Iterator[bytes]:
    """Yield the first ``size`` bytes of a file; a log may grow meanwhile."""
    with file:
        while size > 0 and (block := file.read(min(size, _BLOCK))):
            size -= len(block)
            yield block
