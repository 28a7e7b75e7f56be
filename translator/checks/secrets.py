"""Variables that look as if their value were secret."""

from __future__ import annotations

import re

_SECRET = re.compile(
    r"(?:^|[_-])(?:SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|AUTH_?KEY)"
    r"(?:$|[_-]|S$)",
    re.IGNORECASE,
)


def looks_secret(name: str, value: str) -> bool:
    """Whether a variable of that name, with that literal value, is likely a secret in a file."""
    return bool(value.strip()) and _SECRET.search(name) is not None
