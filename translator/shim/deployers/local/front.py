"""Pass requests on to the servers of deployments.

It runs as ``python -m translator.shim.deployers.local.front DIRECTORY HOST PORT``.

The path of a request begins with the deployment, an alias or the number of a version, and the endpoint. The version is
looked up for each request, so a request that comes after an alias has moved goes to the new version, and one that
came before is answered by the old one, which stays up. Applications get the whole path, and its first part in the
header ``X-VH-Prefix``, as from Valohai.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web
from multidict import CIMultiDict
from yarl import URL

from translator.shim.deployers.local.serving import HEALTH
from translator.shim.deployers.local.settings import address
from translator.shim.deployers.local.state import State, number_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from contextlib import AbstractAsyncContextManager

    from aiohttp import ClientResponse
    from multidict import CIMultiDictProxy

    from translator.shim.deployers.local.state import Version

PREFIX = "X-VH-Prefix"
_PATH = re.compile(
    r"/(?P<deployment>[\w-]{1,60})/(?P<version>[\w-]{1,60})/(?P<endpoint>[a-z][a-z0-9-]{,59})(?=/|\?|$)", re.ASCII
)
_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding")
) | {"expect", "proxy-connection", "upgrade"}
"""The headers that are for this end only: the front has answered an expectation itself."""
_CONNECTING = 5.0
_ENDING = 60.0


class Front:
    """The requests of a directory of deployments."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.client: ClientSession | None = None

    async def lifetime(self, application: web.Application) -> AsyncIterator[None]:  # noqa: ARG002 - as aiohttp calls it
        """Keep the client for as long as the front serves.

        It has a connection per request: a server may close one that is idle just when it is used again.
        """
        connector = TCPConnector(force_close=True, limit=0)
        timeout = ClientTimeout(total=None, sock_connect=_CONNECTING)
        async with ClientSession(connector=connector, timeout=timeout, auto_decompress=False) as self.client:
            yield

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a request with what the server of its path says."""
        if request.path == HEALTH:
            is_ours = request.query.get("directory") == str(self.state.directory)
            return web.Response(status=200 if is_ours else 421)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return web.Response(status=501, text="WebSockets are not passed on to the servers of deployments\n")
        match = _PATH.match(request.raw_path)
        version = self._version(match["deployment"], match["version"]) if match is not None else None
        if match is None or version is None or match["endpoint"] not in version.endpoints:
            return web.Response(status=404, text="unknown endpoint; write /DEPLOYMENT/ALIAS-OR-VERSION/ENDPOINT/\n")
        response: web.StreamResponse | None = None
        try:
            async with self._request_to(request, version, match["endpoint"], match[0]) as answered:
                response = web.StreamResponse(
                    status=answered.status, reason=answered.reason, headers=_end_to_end(answered.headers)
                )
                await response.prepare(request)
                async for chunk in answered.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response
        except ClientError as error:
            if response is not None and response.prepared:
                raise  # the client has seen the beginning, so end its connection
            text = f"{match[0]} of version {version.number} does not answer: {type(error).__name__}\n"
            return web.Response(status=503, text=text, headers={"Retry-After": "1"})

    def _version(self, deployment: str, name: str) -> Version | None:
        number = number_of(name)
        if number is None:
            number = self.state.aliases(deployment).get(name)
        return self.state.version(deployment, number) if number is not None else None

    def _request_to(
        self, request: web.Request, version: Version, endpoint: str, prefix: str
    ) -> AbstractAsyncContextManager[ClientResponse]:
        """Return the request to a server, whose answer is there when it is entered."""
        if self.client is None:
            raise ClientError("the front does not serve yet")
        server = address(version.host, version.endpoints[endpoint].port)
        headers = _end_to_end(request.headers)
        headers[PREFIX] = prefix
        headers["X-Forwarded-For"] = request.remote or ""
        headers["X-Forwarded-Proto"] = request.scheme
        return self.client.request(
            request.method,
            URL(f"http://{server}{request.raw_path}", encoded=True),
            headers=headers,
            data=request.content if request.body_exists else None,
            allow_redirects=False,
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )


def _end_to_end(headers: CIMultiDictProxy[str]) -> CIMultiDict[str]:
    """Return the headers that are for the other end; one may be there several times.

    Those that ``Connection`` names are for this end only (RFC 9110, 7.6.1).
    """
    named = {name.strip().lower() for value in headers.getall("Connection", ()) for name in value.split(",")}
    dropped = _HOP_BY_HOP | named - {"host", "content-length", "content-type"}
    return CIMultiDict((name, value) for name, value in headers.items() if name.lower() not in dropped)


def main(arguments: Sequence[str]) -> None:
    """Serve until this process is told to end; requests that have begun are answered first."""
    directory, host, port = arguments
    front = Front(State(Path(directory)))
    application = web.Application()
    application.cleanup_ctx.append(front.lifetime)
    application.router.add_route("*", "/{path:.*}", front.answer)
    web.run_app(application, host=host, port=int(port), access_log=None, shutdown_timeout=_ENDING, print=None)


if __name__ == "__main__":
    main(sys.argv[1:])
