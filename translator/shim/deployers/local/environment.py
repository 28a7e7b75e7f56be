"""Choose what servers inherit from the environment of the process that starts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEPT = frozenset(("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TMPDIR")) | {
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
}
_PROXIES = frozenset(("http_proxy", "https_proxy", "ftp_proxy", "all_proxy", "no_proxy"))


def inherited(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that servers inherit: where programs are, the locale, and proxies without credentials."""
    return {name: value for name, value in environment.items() if _is_kept(name, value)}


def _is_kept(name: str, value: str) -> bool:
    if name.lower() in _PROXIES:
        return "@" not in value
    return name in _KEPT or name.startswith("LC_")
