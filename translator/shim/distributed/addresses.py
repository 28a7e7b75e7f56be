"""Find the addresses of this machine that others can reach."""

from __future__ import annotations

import contextlib
import ipaddress
import socket

# Nothing is sent there: the system only says from which address it would send.
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))
_PORT = 9


def of_machine() -> list[str]:
    """Return the IP addresses of this machine, first that of its route to others; its own 127.0.0.1 without any."""
    found = [*_of_routes(), *_of_name()]
    return [address for address in dict.fromkeys(found) if _is_reachable(address)] or ["127.0.0.1"]


def _of_routes() -> list[str]:
    addresses = []
    for family, elsewhere in _ELSEWHERE:
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((elsewhere, _PORT))
            addresses.append(str(probe.getsockname()[0]))
    return addresses


def _of_name() -> list[str]:
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(socket.gethostname(), None)]
    except OSError:
        return []


def _is_reachable(text: str) -> bool:
    """Return whether others can reach an address: a link-local one needs the name of an interface."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    return not (address.is_loopback or address.is_unspecified or address.is_link_local)
