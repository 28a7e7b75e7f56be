"""Read commits of the project's Git repository, for steps that run the code of another commit.

Whoever wrote the repository must not run code here. So only commands that read objects are used: no checkout, which
runs hooks and filters, no archive, which runs filters, no submodules, and nothing is fetched into it. If it lacks a
commit, that is fetched from a configured remote, into another repository (``translator.shim.workspace.remotes``). An
export is kept in the user's cache, which only this user can write to, under the digest of its tree.
"""

from __future__ import annotations

import os
import posixpath
import re
import shlex
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from translator.shim.errors import TranslatorError
from translator.shim.files.cache import cache_directory
from translator.shim.files.digest import no_pulse
from translator.shim.files.git_address import address, directory
from translator.shim.files.links import first_leaving
from translator.shim.files.paths import PathError, relative
from translator.shim.files.seal import discard, is_sealed, seal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_NAME = re.compile(r"[0-9A-Za-z_][0-9A-Za-z_./-]{0,199}")
"""The names of commits that are accepted: hashes, branches and tags, but no option and no operator of Git."""
_HASH = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
GIT = (
    "git",
    *("-c", "core.hooksPath=/dev/null"),
    *("-c", "core.fsmonitor=false"),
    *("-c", "safe.bareRepository=explicit"),
    "--no-pager",
    "--literal-pathspecs",
)
_TIMEOUT = 60.0
_DOCUMENT_LIMIT = 2 << 20
"""The maximum size of a pipeline file."""
_ENTRY_LIMIT = 200_000
_EXPORT_LIMIT = 20 << 30
"""The maximum size of all files of an export."""
_LINK_LIMIT = 4096
_BLOCK = 1 << 20
_LINK, _SUBMODULE, _EXECUTABLE = "120000", "160000", "100755"


class CommitError(TranslatorError):
    """A commit that cannot be read, or a file in it that cannot be exported."""


@dataclass(frozen=True, slots=True)
class _Repository:
    """A repository: that around a project, or one without a work tree in the cache, which ``git_dir`` names.

    ``prefix`` is the path of the project in it, with a slash at its end if there is one.
    """

    project: Path
    prefix: str = ""
    git_dir: Path | None = None


def resolve(project: Path, name: str, remote: str | None = None, pulse: Callable[[], None] = no_pulse) -> str:
    """Return the hash of a commit.

    Args:
        project: a directory in the repository.
        name: a hash, or its beginning, a branch or a tag.
        remote: where it is fetched from if the repository lacks it, or if there is none.
        pulse: called while it is fetched; an exception ends the work.

    Raises:
        CommitError: it does not exist.
    """
    return _repository_with(project, name, remote, pulse)[1]


def read(project: Path, commit: str, file: str, remote: str | None = None) -> str:
    """Return the text of a file of the project as it is in a commit.

    Args:
        project: a directory in the repository.
        commit: the hash of the commit.
        file: the file's path, relative to the project; it may lead to another directory of the repository.
        remote: where the commit is fetched from if the repository lacks it.

    Raises:
        CommitError: the commit has no such file, it is not a text, or it is not in the repository.
    """
    repository, _ = _repository_with(project, _checked(commit), remote, no_pulse)
    path = posixpath.normpath(f"{repository.prefix}{file}")
    if path.startswith(("../", "/")):
        raise CommitError(f"{file} is not in the Git repository of {project}")
    place = f"{commit}:{path}"
    try:
        size = int(_git(repository, "cat-file", "-s", place))
        if size > _DOCUMENT_LIMIT:
            raise CommitError(f"{file} of the commit {commit[:10]} has {size} bytes, more than {_DOCUMENT_LIMIT}")
        return _git(repository, "cat-file", "blob", place).decode("utf-8-sig")
    except _GitError:
        raise CommitError(f"the commit {commit[:10]} has no {file}") from None
    except ValueError:
        raise CommitError(f"{file} of the commit {commit[:10]} is not a text in UTF-8") from None


def export(project: Path, commit: str, pulse: Callable[[], None] = no_pulse, remote: str | None = None) -> Path:
    """Return a directory with the project as it is in a commit.

    Args:
        project: a directory in the repository.
        commit: the hash of the commit.
        pulse: called between files; an exception ends the work.
        remote: where the commit is fetched from if the repository lacks it, or if there is none.

    Raises:
        CommitError: the repository does not have the commit, the tree has a path that leaves its directory, or a cache
            directory is missing.
        OSError: the cache cannot be written.
    """
    repository, _ = _repository_with(project, _checked(commit), remote, pulse)
    cache = cache_directory()
    if cache is None:
        hint = "set XDG_CACHE_HOME to a directory that only this user can write to"
        raise CommitError(f"the commit {commit[:10]} cannot be exported: this worker has no cache directory", hint)
    try:
        place = f"{commit}:{repository.prefix.rstrip('/')}"
        tree = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", place).decode().strip()
    except _GitError:
        raise CommitError(f"the commit {commit[:10]} does not have the directory of the project") from None
    target = cache / "commits" / _checked(tree)
    if is_sealed(target):
        return target
    discard(target)  # a command may have changed it
    target.parent.mkdir(mode=0o700, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{tree[:10]}-"))
    try:
        _write(repository, tree, folder, pulse)
        folder.chmod(0o755)
        try:
            folder.rename(target)
        except OSError:
            if not target.is_dir():  # another execution has exported it
                raise
        seal(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return target


class _GitError(TranslatorError):
    """A command of Git that failed."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.reason = f": {text}" if text else ""


def _repository_with(
    project: Path, name: str, remote: str | None, pulse: Callable[[], None]
) -> tuple[_Repository, str]:
    """Return the repository that has a commit, and the hash of the commit.

    Raises:
        CommitError: none has it.
    """
    if _NAME.fullmatch(name) is None or ".." in name:
        raise CommitError(f"{name!r} is not the name of a commit")
    own: _Repository | None = None
    reason = ""
    try:
        own = _Repository(project, _prefix(project))
        return own, _hash(own, name)
    except _GitError as error:
        reason = error.reason if own is not None else ""
    if remote is not None:
        return _fetched(project, own, name, remote, pulse)
    _check_repository(project)
    hint = f"fetch it: {shlex.join(('git', '-C', str(project), 'fetch', 'origin', name))}"
    raise CommitError(f"the Git repository of {project} has no commit {name!r}{reason}", hint)


def _fetched(
    project: Path, own: _Repository | None, name: str, remote: str, pulse: Callable[[], None]
) -> tuple[_Repository, str]:
    """Return the repository in the cache that has a commit of a remote, and the hash of the commit."""
    from translator.shim.workspace import remotes  # few projects lack a commit

    folder = directory(remote)
    prefix = f"{_inside(folder)}/" if folder is not None else (own.prefix if own is not None else "")
    is_hash = _HASH.fullmatch(name) is not None
    try:
        for commit in (name, None) if is_hash else (None,):
            git_dir = remotes.fetch(remote, commit, pulse)
            with suppress(_GitError):
                repository = _Repository(git_dir, prefix, git_dir)
                return repository, _hash(repository, name)
    except remotes.RemoteError as error:
        raise CommitError(f"the commit {name!r} is not in the Git repository of {project}: {error.message}") from error
    raise CommitError(f"neither the Git repository of {project} nor {address(remote)} has a commit {name!r}")


def _hash(repository: _Repository, name: str) -> str:
    commit = _git(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
    return commit.decode("ascii", "replace").strip()


def _write(repository: _Repository, tree: str, folder: Path, pulse: Callable[[], None]) -> None:
    """Write the files of a tree; links come last, so that no file is written through one."""
    links: list[tuple[Path, bytes]] = []
    written = 0
    with _started(repository, "cat-file", "--batch") as batch:
        try:
            for mode, digest, path in _entries(repository, tree):
                pulse()
                target = folder / _inside(path)
                target.parent.mkdir(parents=True, exist_ok=True)
                if mode == _SUBMODULE:
                    target.mkdir()
                    continue
                size = _size(batch, digest)
                written += size
                if written > _EXPORT_LIMIT:
                    raise CommitError(f"the commit cannot be exported: its files have more than {_EXPORT_LIMIT} bytes")
                if mode == _LINK:
                    if size > _LINK_LIMIT:
                        raise CommitError(f"the commit cannot be exported: its link {path!r} is too long")
                    links.append((target, b"".join(_blob(batch, digest, size))))
                else:
                    with target.open("xb") as file:
                        for block in _blob(batch, digest, size):
                            file.write(block)
                    target.chmod(0o755 if mode == _EXECUTABLE else 0o644)
            for target, text in links:
                target.symlink_to(os.fsdecode(text))
            # Whoever starts a run may choose files in the directory.
            if (link := first_leaving((target for target, _ in links), folder)) is not None:
                raise CommitError(f"the commit cannot be exported: its link {str(link)!r} leads elsewhere")
        except (FileExistsError, NotADirectoryError, ValueError) as error:
            raise CommitError(f"the tree of the commit is not valid: {error}") from None
        finally:
            batch.kill()


def _entries(repository: _Repository, tree: str) -> Iterator[tuple[str, str, str]]:
    """Yield the entries of a tree: mode, digest and path.

    Raises:
        CommitError: there are too many, or the repository lacks a part of the tree.
    """
    with _started(repository, "ls-tree", "-r", "-z", "--full-tree", tree) as listing:
        try:
            for number, entry in enumerate(_split(listing.stdout)):
                if number >= _ENTRY_LIMIT:
                    raise CommitError(f"the commit cannot be exported: it has more than {_ENTRY_LIMIT} files")
                head, _, path = entry.partition(b"\t")
                mode, _, digest = head.decode("ascii").split(" ")
                yield mode, digest, path.decode("utf-8", "surrogateescape")
            failed = listing.wait() != 0
        finally:
            listing.kill()
    if failed:
        raise CommitError(f"the Git repository lacks a part of the tree {tree}; fetch the commit completely")


def _split(listing: IO[bytes] | None) -> Iterator[bytes]:
    """Yield the entries of a listing that NUL characters end."""
    rest = b""
    while listing is not None and (block := listing.read(_BLOCK)):
        *entries, rest = (rest + block).split(b"\0")
        yield from entries
        if len(rest) > _BLOCK:
            raise CommitError("the commit cannot be exported: the path of a file is too long")


def _inside(path: str) -> str:
    """Return a path of a tree if it stays in its directory and is not part of a repository.

    Raises:
        CommitError: it does not.
    """
    try:
        checked = relative(path)
    except PathError as error:
        raise CommitError(f"the commit cannot be exported: {error}") from None
    if any(part.casefold() == ".git" for part in checked.split("/")):
        raise CommitError(f"the commit cannot be exported: it has the file {path!r}")
    return checked


def _size(batch: subprocess.Popen[bytes], digest: str) -> int:
    """Ask for a file; return its size. Its content must be read next (``_blob``)."""
    if batch.stdin is None or batch.stdout is None:
        return 0
    batch.stdin.write(f"{_checked(digest)}\n".encode())
    batch.stdin.flush()
    header = batch.stdout.readline().split(b" ")
    if len(header) != 3 or header[1] != b"blob":  # noqa: PLR2004 - digest, type and size
        raise CommitError(f"the Git repository lacks the object {digest}; fetch the commit completely")
    return int(header[2])


def _blob(batch: subprocess.Popen[bytes], digest: str, size: int) -> Iterator[bytes]:
    """Yield the content of a file in blocks."""
    if batch.stdout is None:
        return
    rest = size
    while rest:
        block = batch.stdout.read(min(rest, _BLOCK))
        if not block:
            raise CommitError(f"the Git repository lacks the object {digest}; fetch the commit completely")
        rest -= len(block)
        yield block
    batch.stdout.read(1)


def _checked(digest: str) -> str:
    if _HASH.fullmatch(digest) is None:
        raise CommitError(f"{digest!r} is not the hash of a commit")
    return digest


def _prefix(project: Path) -> str:
    """Return the path of the project in its repository, with a slash at its end if there is one."""
    return os.fsdecode(_git(_Repository(project), "rev-parse", "--show-prefix")).removesuffix("\n")


def _check_repository(project: Path) -> None:
    """Check that a directory is in a Git repository that this user may read.

    Raises:
        CommitError: it is not.
    """
    try:
        _git(_Repository(project), "rev-parse", "--git-dir")
    except _GitError as error:
        raise CommitError(f"{project} is not in a Git repository that can be read{error.reason}") from None


def _git(repository: _Repository, *arguments: str) -> bytes:
    """Run a command of Git; return its output.

    Raises:
        _GitError: it failed.
        CommitError: there is no Git here.
    """
    try:
        ended = subprocess.run(
            [*GIT, *_git_dir(repository), *arguments],
            cwd=repository.project,
            env=environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_TIMEOUT,
        )
    except FileNotFoundError:
        raise CommitError("git is not installed on this machine") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommitError(f"git cannot read the repository of {repository.project}: {error}") from None
    if ended.returncode:
        raise _GitError(ended.stderr.decode("utf-8", "replace").strip().partition("\n")[0])
    return ended.stdout


def _git_dir(repository: _Repository) -> tuple[str, ...]:
    return () if repository.git_dir is None else (f"--git-dir={repository.git_dir}",)


def _started(repository: _Repository, *arguments: str) -> subprocess.Popen[bytes]:
    """Start a command of Git whose output is read as it comes."""
    return subprocess.Popen(
        [*GIT, *_git_dir(repository), *arguments],
        cwd=repository.project,
        env=environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def environment() -> dict[str, str]:
    """Return the environment of Git: no variable chooses another repository, and nothing is fetched or asked."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return own | {
        "GIT_ALLOW_PROTOCOL": "",  # no configuration overrides this, and old versions of Git ignore the next variable
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        "LC_ALL": "C",
    }
