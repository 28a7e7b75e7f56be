"""Ask servers whether they are healthy."""

from __future__ import annotations

import http.client

from translator.shim.deployers.local.ports import HOST

_SECONDS = 5.0
_FAILING = 400


def reachable(host: str) -> str:
    """Return the address by which this machine reaches a server that listens at ``host``, perhaps everywhere."""
    return {"0.0.0.0": HOST, "::": "::1"}.get(host, host)  # noqa: S104 - compared, not listened at


def problem(port: int, path: str, *, host: str = HOST, prefix: str = "", succeeds: bool) -> str | None:
    """Return why a server is not healthy; None if it is.

    Args:
        port: where it listens.
        path: what to ask for.
        host: its address.
        prefix: the part of the path that the header of applications says.
        succeeds: whether the answer must be a success; else any answer shows that the server is up, because most
            applications have nothing at their root.
    """
    connection = http.client.HTTPConnection(host, port, timeout=_SECONDS)
    try:
        connection.request("GET", path, headers={"X-VH-Prefix": prefix} if prefix else {})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"port {port} does not answer ({error or type(error).__name__})"
    finally:
        connection.close()
    return f"GET {path} answers with status {status}" if succeeds and status >= _FAILING else None
