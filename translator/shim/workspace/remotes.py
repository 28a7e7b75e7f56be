"""Fetch commits of a configured remote into a repository in the user's cache, for projects that lack them.

The configuration of the project's own repository is not read, because its authors must not run code here. That of the
user counts, with credential helpers and SSH keys: whoever runs a worker decides what it may read. Only ``https``,
``ssh`` and ``file`` are allowed, whatever a configuration replaces an address with.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import subprocess
import tempfile
import time
from typing import TYPE_CHECKING

from translator.shim.errors import TranslatorError
from translator.shim.files.cache import cache_directory
from translator.shim.files.git_address import ADDRESS, address
from translator.shim.files.locks import hold
from translator.shim.masking.uris import redact, redact_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

_OPTIONS = (
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "gc.auto=0"),
    *("-c", "maintenance.auto=false"),
    *("-c", "fetch.recurseSubmodules=false"),
)
_PROTOCOLS = "https:ssh:file"
_OF_REPOSITORY = re.compile(
    r"GIT_(DIR|WORK_TREE|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_.*|NAMESPACE|COMMON_DIR|SHALLOW_.*)"
)
"""Variables that choose another repository."""
_TIMEOUT = 900.0
_EVERY = 0.2
_REFUSED = re.compile(
    r"not our ref|unadvertised object|couldn't find remote ref|want [0-9a-f]+ not valid|dumb http transport"
    r"|does not support (shallow|--depth)|no such remote ref",
    re.IGNORECASE,
)
"""What Git, or a server, says if the server does not give a commit by its hash, or none without its history."""
_BRANCHES = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")


class RemoteError(TranslatorError):
    """A remote that cannot be read; the message says why."""


class _RefusedError(RemoteError):
    """A server that does not give a commit by its hash, but may have it in a branch."""


def fetch(remote: str, commit: str | None, pulse: Callable[[], None]) -> Path:
    """Fetch from a remote; return the repository in the cache that has what it had.

    Args:
        remote: the address of the remote.
        commit: the hash of a commit; None for all branches and tags.
        pulse: called a few times a second; an exception ends the work.

    Raises:
        RemoteError: it cannot be read, or this user has no cache directory.
    """
    url = address(remote)
    if re.fullmatch(ADDRESS, remote) is None:
        raise RemoteError(f"{redact(remote)} is not an address of a Git repository at https://, ssh:// or file://")
    cache = cache_directory()
    if cache is None:
        hint = "set XDG_CACHE_HOME to a directory that only this user can write to"
        raise RemoteError(f"{redact(url)} cannot be fetched: there is no cache directory", hint)
    repository = cache / "remotes" / hashlib.sha256(url.encode()).hexdigest()[:32]
    repository.parent.mkdir(mode=0o700, exist_ok=True)
    with _locked(repository.with_suffix(".lock"), pulse):
        if not (repository / "HEAD").exists():
            _run(url, ("init", "--quiet", "--bare", "--template=", str(repository)), pulse)
        fetching = (f"--git-dir={repository}", "fetch", "--quiet", "--no-tags", "--no-write-fetch-head")
        if commit is not None:
            # Most servers give any commit by its hash; all branches are for those that do not.
            with contextlib.suppress(_RefusedError):
                _run(url, (*fetching, "--depth=1", "--end-of-options", url, commit), pulse)
                return repository
        _run(url, (*fetching, "--end-of-options", url, *_BRANCHES), pulse)
    return repository


def _run(url: str, arguments: tuple[str, ...], pulse: Callable[[], None]) -> None:
    """Run a command of Git that may take long.

    Raises:
        RemoteError: it failed.
        _RefusedError: it failed because the server does not give what it asks for.
    """
    with tempfile.TemporaryFile() as errors:
        try:
            process = subprocess.Popen(
                ["git", *_OPTIONS, *arguments],
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
            )
        except OSError as error:
            raise RemoteError(f"{redact(url)} cannot be fetched: git cannot be started: {error.strerror}") from None
        try:
            _wait(process, url, pulse)
        except BaseException:
            _end(process)
            raise
        if process.returncode:
            errors.seek(0)
            text = errors.read(1 << 16).decode("utf-8", "replace")
            kind = _RefusedError if _REFUSED.search(text) else RemoteError
            reason = _reason(text) or f"git ended with {process.returncode}"
            raise kind(f"{redact(url)} cannot be fetched: {reason}")


def _reason(text: str) -> str:
    """Return the line of Git's messages that says why it failed."""
    lines = text.strip().splitlines()
    return redact_text(next((line for line in lines if line.startswith("fatal: ")), lines[0] if lines else ""))


def _wait(process: subprocess.Popen[bytes], url: str, pulse: Callable[[], None]) -> None:
    deadline = time.monotonic() + _TIMEOUT
    while process.poll() is None:
        pulse()
        if time.monotonic() > deadline:
            raise RemoteError(f"{redact(url)} cannot be fetched: it took more than {_TIMEOUT:.0f} s")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_EVERY)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill Git with the programs that it started, such as SSH."""
    import signal

    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextlib.contextmanager
def _locked(path: Path, pulse: Callable[[], None]) -> Iterator[None]:
    """Hold a lock, because executions of one run need the same commit at the same time."""
    with path.open("w") as file:
        hold(file.fileno(), pulse)
        yield


def _environment() -> Mapping[str, str]:
    own = {name: value for name, value in os.environ.items() if _OF_REPOSITORY.fullmatch(name) is None}
    return own | {
        "GIT_ALLOW_PROTOCOL": _PROTOCOLS,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
        "LC_ALL": "C",
    }
