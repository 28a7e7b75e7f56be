"""Run a command in a mount namespace of its own, in which directories are where it expects them.

Four ways are tried, once per worker process, in the order in which they are the better: bubblewrap or ``unshare``, each
with a namespace of processes if the worker allows one. In that, nothing outlives the command, not even a daemon that
cleared its environment. The command has the capabilities that a container gives by default, so that it cannot undo the
mounts.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from translator.shim.runners.process.mounts import Mounts, Overlay, top

if TYPE_CHECKING:
    from collections.abc import Sequence

# What Docker gives by default, without MKNOD: a device would be a way around the mounts.
CAPABILITIES = (
    "audit_write",
    "chown",
    "dac_override",
    "fowner",
    "fsetid",
    "kill",
    "net_bind_service",
    "net_raw",
    "setfcap",
    "setgid",
    "setpcap",
    "setuid",
    "sys_chroot",
)
_SECONDS = 20
_PROBED = "/translator-probe"
# A pipeline of the command may still print its last lines when its first process has ended.
_COURTESY = """\
PATH=/usr/bin:/bin
n=0
while [ $n -lt 10 ]; do
  set -- /proc/[0-9]*
  [ $# -gt 1 ] || break
  sleep 0.05
  n=$((n + 1))
done
exit $status
"""


@dataclass(frozen=True, slots=True)
class Namespace:
    """A way to run a command in a namespace; ``processes``: also in one of processes."""

    tool: Literal["bubblewrap", "unshare"]
    processes: bool

    def command(self, arguments: Sequence[str], mounted: Mounts, folder: str) -> list[str]:
        """Return the command that runs ``arguments`` in ``folder``, a path as the command sees it."""
        build = _bubblewrap if self.tool == "bubblewrap" else _unshare
        return build(arguments, mounted, folder, self.processes)


def find() -> Namespace | None:
    """Return the best way that this worker allows, or None."""
    return _find(os.geteuid())


@cache
def _find(user: int) -> Namespace | None:  # noqa: ARG001 - a key
    for tool in ("bubblewrap", "unshare"):
        for processes in (True, False):
            way = Namespace(tool, processes)
            if works(way):
                return way
    return None


def works(way: Namespace, *, overlay: bool = False) -> bool:
    """Try a way for real; with ``overlay`` also whether it can show a directory with changes of its own."""
    with tempfile.TemporaryDirectory(prefix="translator-probe-") as folder:
        return _works(way, Path(folder), overlay=overlay)


@cache
def overlays(way: Namespace, base: Path) -> bool:
    """Return whether the file system of ``base`` can keep the changes of an overlay; tried once per directory."""
    with tempfile.TemporaryDirectory(prefix="translator-probe-", dir=base) as folder:
        return _works(way, Path(folder), overlay=True)


def _works(way: Namespace, folder: Path, *, overlay: bool) -> bool:
    for name in ("root/shown", "lower/kept", "upper", "work", "closed"):
        (folder / name).mkdir(parents=True)
    laid = None
    if overlay:
        laid = Overlay(folder / "lower", folder / "upper", folder / "work", folder / "root" / "shown")
        test = f"[ -d {_PROBED}/shown/kept ] && rmdir {_PROBED}/shown/kept && : > {_PROBED}/shown/new"
    else:
        test = f"[ -d {_PROBED}/shown ] && : > {_PROBED}/shown/new"
    mounted = Mounts((str(folder / "closed"),), (str(folder / "root"),), str(folder / "root"), _PROBED, laid)
    command = way.command(["/bin/sh", "-c", f"{test} && ! (: > {folder}/closed/x) 2>/dev/null"], mounted, "/")
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    wrote = folder / ("upper/new" if overlay else "root/shown/new")
    return done.returncode == 0 and wrote.exists() and (folder / "lower" / "kept").exists()


def _bubblewrap(arguments: Sequence[str], mounted: Mounts, folder: str, processes: bool) -> list[str]:  # noqa: FBT001
    found = [_tool("bwrap")]
    for path, target in top(mounted.home):
        if target is None:
            found += ["--ro-bind" if path == "/sys" else "--bind", path, path]
        else:
            found += ["--symlink", target, path]
    found += ["--dev-bind", "/dev", "/dev"]
    found += ["--unshare-pid", "--proc", "/proc"] if processes else ["--bind", "/proc", "/proc"]
    for path in mounted.read_only:
        found += ["--ro-bind", path, path]
    for path in mounted.writable:
        found += ["--bind", path, path]
    if mounted.home is not None:
        found += ["--bind", mounted.root, mounted.home]
    if os.geteuid() == 0:
        found += ["--cap-drop", "ALL"]
        for capability in CAPABILITIES:
            found += ["--cap-add", f"CAP_{capability.upper()}"]
    found += ["--chdir", folder, "--", *arguments]
    if mounted.overlay is None:
        return found
    # Older bubblewraps mount no overlays, so that is done around it.
    if os.geteuid() == 0:
        return [*_unshared(), "/bin/sh", "-c", f'{_overlay(mounted.overlay)} && exec "$@"', "sh", *found]
    script = f'{_overlay(mounted.overlay)} && exec {_tool("setpriv")} --inh-caps=-all --ambient-caps=-all "$@"'
    return [*_unshared(), "/bin/sh", "-c", script, "sh", *found]


def _unshare(arguments: Sequence[str], mounted: Mounts, folder: str, processes: bool) -> list[str]:  # noqa: FBT001
    """Do what bubblewrap does with the tools of util-linux: a new root, the mounts in it, and no way back."""
    root = f"{os.path.dirname(mounted.root)}/.root"  # noqa: PTH120 - a path as text
    folders, files, links = ["dev", "proc", ".old"], list[str](), list[str]()
    table: list[tuple[str, str, str, str]] = []
    for path, target in top(mounted.home):
        if target is not None:
            links.append(f"ln -s {_q(target)} .{_q(path)}")
            continue
        (folders if Path(path).is_dir() else files).append(path[1:])
        table.append((path, root + path, "none", "rbind"))
    table.append(("/dev", f"{root}/dev", "none", "rbind"))
    table.append(
        ("proc", f"{root}/proc", "proc", "defaults") if processes else ("/proc", f"{root}/proc", "none", "rbind")
    )
    table += [(path, root + path, "none", "bind,ro") for path in mounted.read_only]
    table += [(path, root + path, "none", "bind") for path in mounted.writable]
    if mounted.home is not None:
        folders.append(mounted.home[1:])
        table.append((mounted.root, root + mounted.home, "none", "rbind"))
    lines = [
        "set -e",
        "path=$PATH; PATH=/usr/sbin:/sbin:/usr/bin:/bin",
        f"mkdir -p {_q(root)}",
        f"{_tool('mount')} -t tmpfs -o mode=755 root {_q(root)}",
        f"cd {_q(root)}",
    ]
    lines += [
        f"mkdir -p {' '.join(map(_q, folders))}",
        *([f"touch {' '.join(map(_q, files))}"] if files else []),
        *links,
    ]
    if mounted.overlay is not None:
        lines.append(_overlay(mounted.overlay))
    # One process makes all mounts: with one for each, a command would start a tenth of a second later.
    text = "".join(f"{' '.join(map(_field, line))} 0 0\n" for line in table)
    lines.append(f"printf %s {_q(text)} > .mounts; {_tool('mount')} --all --fstab .mounts; rm .mounts")
    lines += [f"{_tool('pivot_root')} . .old", "cd /", f"{_tool('umount')} -l /.old", "rmdir /.old", f"cd {_q(folder)}"]
    bounding = ",".join(["-all", *(f"+{capability}" for capability in CAPABILITIES)])
    lines.append("PATH=$path")
    root_only = f" --bounding-set={bounding}" if os.geteuid() == 0 else ""
    run = f'{_tool("setpriv")} --no-new-privs --inh-caps=-all --ambient-caps=-all{root_only} -- "$@"'
    if processes:
        # The namespace's first process is this shell, not the command, because signals work differently for the first.
        # Its standard error is closed meanwhile: it would print "Killed" when a signal ends the command.
        lines += [
            "set +e",
            "exec 3>&2 2>/dev/null",
            f"(exec 2>&3 3>&-; exec {run})",
            "status=$?",
            "exec 3>&-",
            _COURTESY,
        ]
    else:
        lines.append(f"exec {run}")
    return [*_unshared(processes=processes), "/bin/sh", "-c", "\n".join(lines), "sh", *arguments]


@cache
def _tool(name: str) -> str:
    """Return the path of a program: the command's own PATH may be any, and administrators' programs are not on it."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin", "/usr/bin", "/bin"])
    return shutil.which(name, path=path) or name


def _unshared(*, processes: bool = False) -> list[str]:
    found = [_tool("unshare"), "--mount"]
    if processes:
        found += ["--pid", "--fork"]
    if os.geteuid() != 0:
        found += ["--user", "--map-current-user", "--keep-caps"]
    return found


def _overlay(overlay: Overlay) -> str:
    places = ((("lowerdir"), overlay.lower), ("upperdir", overlay.upper), ("workdir", overlay.work))
    options = ",".join(f"{name}={_escaped(str(path))}" for name, path in places)
    return f"{_tool('mount')} -t overlay overlay -o {_q(options)},userxattr {_q(str(overlay.target))}"


def _field(text: str) -> str:
    """Return a field of a table of mounts."""
    return "".join(f"\\{ord(sign):03o}" if sign in " \t\n\\#" else sign for sign in text)


def _escaped(path: str) -> str:
    """Return a path as an option of an overlay, in which colons, commas and backslashes mean something."""
    return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")


_q = shlex.quote
