"""Run commands as processes of this worker, each execution in its own place.

Its working copy of the repository and its Python environment are its own. Where the worker allows a mount namespace,
the workspace is at the directory that the commands expect, and the engine's environment, the project and the artifact
store cannot be written to. Elsewhere the dialect maps paths to the workspace's, and scripts that name the directory
themselves are refused.
"""

from __future__ import annotations

import errno
import os
import shutil
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from translator.shim.files.cache import cache_directory
from translator.shim.process import supervise
from translator.shim.runners import Place, Runner, RunnerError
from translator.shim.runners.process import cgroup, hardcoded, interpreter, layer, namespace, repository, startup
from translator.shim.runners.process.mounts import Mounts, mounts
from translator.shim.workspace import laid_out

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from translator.shim.contract import Json
    from translator.shim.runners import Request
    from translator.shim.runners.process.direct import Inside
    from translator.shim.runners.process.mounts import Overlay
    from translator.shim.runners.process.namespace import Namespace

CHOICES: Mapping[str, tuple[str, ...]] = {
    "namespace": ("auto", "require", "never"),
    "hardcoded_paths": ("refuse", "allow"),
}
"""The settings with their values, the default first."""
VARIABLE = "TRANSLATOR_NAMESPACE"
"""The environment variable of a worker that holds the setting ``namespace`` of steps that have none."""


def check(settings: Mapping[str, Json]) -> Sequence[str]:
    """See ``translator.shim.runners.Runner.check``."""
    problems = []
    for name, value in settings.items():
        if name not in CHOICES:
            problems.append(f"the process runner has no setting {name!r}; it has: {', '.join(CHOICES)}")
        elif value not in CHOICES[name]:
            problems.append(f"{name} is {value!r}; it can be: {', '.join(map(repr, CHOICES[name]))}")
    return problems


@contextmanager
def place(request: Request) -> Iterator[Place]:
    """See ``translator.shim.runners.Runner.open``."""
    if problems := check(request.settings):
        raise RunnerError("; ".join(problems))
    if request.step.image is not None:
        request.note(f"image {request.step.image} ignored: running as a process on this worker")
    way = _way(request)
    if way is None and request.home is not None and request.settings.get("hardcoded_paths") != "allow":
        hardcoded.refuse(request.step, request.project, request.home)
    own = request.space.root.parent
    own_python = interpreter.on_path(request.inherited)
    overlay = repository.make(request, own, way) if request.use == "copied" else None
    with ExitStack() as ends:
        limited = ends.enter_context(cgroup.group(request.step.resources, request.ticket.mark))
        if limited is None and (note := cgroup.unlimited(request.step.resources)):
            request.note(note)
        mounted = _mounted(request, own, own_python, overlay) if way is not None else None
        inside = None
        if way is not None and mounted is not None and way.tool == "direct":
            inside = namespace.enter(mounted, limited, request.ticket.mark)
            ends.callback(inside.end)
        surroundings, python = dict(request.inherited), sys.executable
        if own_python is not None:
            layer.make(own / "python", own_python, request.inherited.get("PATH", os.defpath))
            surroundings = layer.environment(own / "python", own_python, request.inherited)
            python = str(own / "python" / "bin" / "python")
        surroundings |= {name: str(request.space.temporary) for name in ("TMPDIR", "TEMP", "TMP")}
        home = Path(request.home) if mounted is not None and request.home is not None else None
        view = laid_out(home, request.space.temporary) if home is not None else request.space
        where = repository.where(home, request.space.root, overlay) if home is not None else _same
        run = _Run(request.ticket, way, mounted, limited, inside)
        addresses: Sequence[str] = ()
        if request.step.distributed is not None:
            from translator.shim.distributed.addresses import of_machine  # few executions are reached by others

            addresses = of_machine()
        yield Place(
            *(view, surroundings, run, python, where),
            reaches_worker=True,
            ignored_image=request.step.image,
            addresses=addresses,
        )


def _mounted(request: Request, own: Path, python: interpreter.Interpreter | None, overlay: Overlay | None) -> Mounts:
    protected = [*interpreter.current().directories, *(python.directories if python is not None else ()), own.parent]
    protected += [request.project] if request.use != "written" else []
    protected += [request.store] if request.store is not None else []
    protected += [cache] if (cache := cache_directory()) is not None else []  # code of other projects
    return mounts(protected, own, request.space.root, request.home, overlay)


def _same(path: str) -> Path | None:  # noqa: ARG001 - as a place has it
    return None


@dataclass(frozen=True, slots=True)
class _Run:
    """A function that runs the commands of one execution."""

    ticket: supervise.Ticket
    namespace: Namespace | None
    mounted: Mounts | None
    limited: Path | None
    inside: Inside | None

    def __call__(  # noqa: PLR0913 - what a process has
        self,
        arguments: Sequence[str],
        *,
        folder: Path,
        environment: Mapping[str, str],
        output: Callable[[bytes], None],
        errors: Callable[[bytes], None],
        limits: supervise.Limits,
        should_stop: Callable[[], str | None],
    ) -> supervise.Ended:
        """See ``translator.shim.runners.Run``."""
        command, here, within, sign = list(arguments), folder, supervise.start_here, None
        if self.inside is not None:
            within = self.inside.call
        elif self.namespace is not None and self.mounted is not None:
            _look_for(arguments[0], environment, self.mounted.home)
            if self.namespace.tool == "bubblewrap":
                sign = Path(self.mounted.root).parent / ".started"
                sign.unlink(missing_ok=True)
                command = startup.signalling(command, sign)
            command, here = self.namespace.command(command, self.mounted, str(folder)), Path("/")
        if self.limited is not None:
            command = cgroup.entered(self.limited, command)

        def run(errors: Callable[[bytes], None]) -> supervise.Ended:
            return supervise.run(
                command,
                within=within,
                folder=here,
                environment=environment,
                ticket=self.ticket,
                output=output,
                errors=errors,
                limits=limits,
                should_stop=should_stop,
            )

        try:
            if sign is not None and self.mounted is not None:
                return startup.started(run, sign, self.mounted.overlay, errors)
            return run(errors)
        finally:
            if self.inside is not None:
                self.inside.end()


def _look_for(program: str, environment: Mapping[str, str], home: str | None) -> None:
    """Say of a missing program what the system says; else that were an error of the program that makes the namespace.

    Raises:
        FileNotFoundError: it is nowhere.
    """
    if program.startswith("/"):
        found = Path(program).exists() or (home is not None and program.startswith(f"{home}/"))
    else:
        found = "/" in program or shutil.which(program, path=environment.get("PATH", os.defpath)) is not None
    if not found:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), program)


def _way(request: Request) -> Namespace | None:
    wanted = request.settings.get("namespace") or os.environ.get(VARIABLE) or "auto"
    if wanted == "never":
        return None
    way = namespace.find()
    if way is None and wanted == "require":
        raise RunnerError(
            "this worker allows no mount namespace, which the step requires (namespace = 'require'): "
            "install bubblewrap, and allow user namespaces or run the worker as root"
        )
    return way


RUNNER = Runner(place, check)
