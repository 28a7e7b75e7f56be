"""Ask servers whether they are healthy."""

from __future__ import annotations

import http.client
from dataclasses import dataclass

from translator.shim.deployers.local.ports import HOST

_SECONDS = 5.0
_REFUSING, _FAILING = 400, 500


def reachable(host: str) -> str:
    """Return the address by which this machine reaches a server that listens at ``host``, perhaps everywhere."""
    return {"0.0.0.0": HOST, "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened at


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of a server: why it is not healthy, None if it is, and the status if it answers at all."""

    problem: str | None
    status: int | None = None


def ask(port: int, path: str, *, host: str = HOST, prefix: str = "", succeeds: bool) -> Answer:
    """Ask a server whether it is healthy.

    Args:
        port: where it listens.
        path: what to ask for.
        host: its address.
        prefix: the part of the path that the header of applications says.
        succeeds: whether the answer must be a success; else the server may refuse the request, because most
            applications have nothing at their root, but it may not fail (5xx).
    """
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", path, headers={"X-VH-Prefix": prefix} if prefix else {})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return Answer(f"port {port} does not answer ({error or type(error).__name__})")
    finally:
        connection.close()
    fails = status >= (_REFUSING if succeeds else _FAILING)
    return Answer(f"GET {path} answers with status {status}" if fails else None, status)
