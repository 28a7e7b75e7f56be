"""Write the code and the files of a server into an archive, as it finds them in its working directory."""

from __future__ import annotations

import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.deployers import DeployError
from translator.shim.files.paths import relative
from translator.shim.workspace import working_copy

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from translator.shim.deployers import Request
    from translator.shim.workspace.working_copy import Listing


def pack(  # noqa: PLR0913 - what an archive is made of
    request: Request,
    endpoint: str,
    listed: Listing,
    target: IO[bytes],
    *,
    root: str = ".",
    packed: bool = True,
    change: Callable[[tarfile.TarInfo], tarfile.TarInfo] | None = None,
) -> None:
    """Write the code and the files of an endpoint as an archive.

    Args:
        request: the version.
        endpoint: the name of the endpoint.
        listed: the files of the project.
        target: where to write it.
        root: the path of the working directory in the archive.
        packed: whether to compress it.
        change: returns each member as it shall be in the archive.

    Raises:
        DeployError: a file would be outside the working directory.
    """
    with tempfile.TemporaryDirectory(prefix="translator-deploy-") as name:
        repository = Path(name) / "repository"
        working_copy.copy(request.project, repository, listed, request.pulse)
        for path, staged in request.files.get(endpoint, {}).items():
            place_file(staged, repository, relative(path))
        with tarfile.open(fileobj=target, mode="w:gz" if packed else "w") as archive:
            archive.add(repository, root, filter=change)
            end = archive.offset + 2 * tarfile.BLOCKSIZE
        if not packed:
            # Not the padding of tapes: Podman's reader stops at the end mark, and what is written after it is an error.
            target.truncate(end)


def place_file(staged: Path, repository: Path, path: str) -> None:
    """Put a file below the working directory of a server, in place of what the project has there.

    Raises:
        DeployError: a link of the project leads out of it.
    """
    target = repository / path
    if not target.parent.resolve().is_relative_to(repository.resolve()):
        raise DeployError(f"the file {path!r} would be outside the working directory, where a link leads")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    working_copy.copy_file(str(staged.resolve()), str(target), staged.stat())
