"""Run a command in a mount namespace of its own, in which directories are where it expects them.

Five ways are tried, once per worker process, in the order in which they are the better: system calls of the worker
itself, which is the fastest and needs root; bubblewrap or ``unshare``, each with a namespace of processes if the worker
allows one. In that, nothing outlives the command, not even a daemon that cleared its environment. The command has the
capabilities that a container gives by default, so that it cannot undo the mounts.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from translator.shim.runners.process import direct, startup
from translator.shim.runners.process.mounts import OVERLAYS, Mounts, Overlay, top

if TYPE_CHECKING:
    from collections.abc import Sequence

# What Docker gives by default, without MKNOD: a device would be a way around the mounts.
CAPABILITIES = {
    "chown": 0,
    "dac_override": 1,
    "fowner": 3,
    "fsetid": 4,
    "kill": 5,
    "setgid": 6,
    "setuid": 7,
    "setpcap": 8,
    "net_bind_service": 10,
    "net_raw": 13,
    "sys_chroot": 18,
    "audit_write": 29,
    "setfcap": 31,
}
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

    tool: Literal["direct", "bubblewrap", "unshare"]
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
    for tool in ("direct", "bubblewrap", "unshare"):
        for processes in (True, False):
            way = Namespace(tool, processes)
            if works(way):
                return way
    return None


def works(namespace: Namespace) -> bool:
    """Try a way for real."""
    if namespace.tool == "direct" and (os.geteuid() != 0 or not namespace.processes):
        return False
    return _works(namespace)


@cache
def overlays(namespace: Namespace, base: Path) -> str | None:
    """Return with which options the file system of ``base`` can keep the changes of an overlay; None if it cannot.

    It is tried once per directory.
    """
    for options in OVERLAYS:
        if os.geteuid() != 0 and "userxattr" not in options:
            continue
        if _works(namespace, base, options):
            return options
    return None


def _works(namespace: Namespace, base: Path | None = None, options: str | None = None) -> bool:
    """Try a way in a new directory below ``base``; see ``startup`` for why bubblewrap has several tries."""
    for _ in range(startup.TRIES if namespace.tool == "bubblewrap" else 1):
        with tempfile.TemporaryDirectory(prefix="translator-probe-", dir=base) as folder:
            if _worked(namespace, Path(folder), options):
                return True
    return False


def _worked(namespace: Namespace, folder: Path, options: str | None) -> bool:
    for name in ("root/shown", "lower/kept", "lower/hidden/x", "upper/hidden", "work", "closed"):
        (folder / name).mkdir(parents=True)
    overlay = None
    shown = f"{_PROBED}/shown"
    test = f"[ -d {shown} ] && : > {shown}/new"
    if options is not None:
        overlay = Overlay(folder / "lower", folder / "upper", folder / "work", folder / "root" / "shown", options)
        test = f"[ ! -d {shown}/hidden/x ] && rmdir {shown}/kept && : > {shown}/new"
    mounted = Mounts((str(folder / "closed"),), (str(folder / "root"),), str(folder / "root"), _PROBED, overlay)
    command = ["/bin/sh", "-c", f"{test} && [ -e /proc/self/stat ] && ! (: > {folder}/closed/x) 2>/dev/null"]
    try:
        if overlay is not None:
            hide(overlay, "hidden")
        worked = (
            _tried_directly(command, mounted)
            if namespace.tool == "direct"
            else _tried(namespace.command(command, mounted, "/"))
        )
    except (OSError, AttributeError, subprocess.SubprocessError):  # without such a system call, such an attribute
        return False
    wrote = folder / ("upper/new" if overlay is not None else "root/shown/new")
    return worked and wrote.exists() and (folder / "lower" / "kept").exists()


def _tried(command: Sequence[str]) -> bool:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
    return done.returncode == 0


def _tried_directly(command: Sequence[str], mounted: Mounts) -> bool:
    worked: list[bool] = []
    inside = enter(mounted, None, "probe")
    try:
        inside.call(lambda: worked.append(_tried(command)))
    finally:
        inside.end()
    return worked == [True]


def enter(mounted: Mounts, group: Path | None, mark: str) -> direct.Inside:
    """Begin to make a namespace with system calls of this process."""
    return direct.Inside(mounted, CAPABILITIES.values(), group, mark)


def hide(overlay: Overlay, name: str) -> None:
    """Show nothing of what the lower directory has in a directory that exists in the upper one.

    Raises:
        OSError: its file system has no such attributes.
    """
    os.setxattr(overlay.upper / name, overlay.attribute("opaque"), b"y")


def _bubblewrap(arguments: Sequence[str], mounted: Mounts, folder: str, processes: bool) -> list[str]:  # noqa: FBT001
    command = [direct.tool("bwrap")]
    for path, target in top(mounted.home):
        if target is None:
            command += ["--ro-bind" if path == "/sys" else "--bind", path, path]
        else:
            command += ["--symlink", target, path]
    command += ["--dev-bind", "/dev", "/dev"]
    command += ["--unshare-pid", "--proc", "/proc"] if processes else ["--bind", "/proc", "/proc"]
    # What root may change there, it changes for the whole machine; bubblewrap protects only a part of it.
    protected = direct.of_the_machine() if processes and os.geteuid() == 0 else ()
    for path in (*protected, *mounted.read_only):
        command += ["--ro-bind", path, path]
    for path in mounted.writable:
        command += ["--bind", path, path]
    if mounted.home is not None:
        command += ["--bind", mounted.root, mounted.home]
    if os.geteuid() == 0:
        command += ["--cap-drop", "ALL"]
        for capability in CAPABILITIES:
            command += ["--cap-add", f"CAP_{capability.upper()}"]
    command += ["--chdir", folder, "--", *arguments]
    if mounted.overlay is None:
        return command
    # Older bubblewraps mount no overlays, so that is done around it.
    if os.geteuid() == 0:
        return [*_unshared(), "/bin/sh", "-c", f'{_overlay(mounted.overlay)} && exec "$@"', "sh", *command]
    script = f'{_overlay(mounted.overlay)} && exec {direct.tool("setpriv")} --inh-caps=-all --ambient-caps=-all "$@"'
    return [*_unshared(), "/bin/sh", "-c", script, "sh", *command]


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
    if processes:
        protected = direct.of_the_machine() if os.geteuid() == 0 else ()
        table += [(path, root + path, "none", "bind,ro") for path in protected]
    table += [(path, root + path, "none", "bind,ro") for path in mounted.read_only]
    table += [(path, root + path, "none", "bind") for path in mounted.writable]
    if mounted.home is not None:
        folders.append(mounted.home[1:])
        table.append((mounted.root, root + mounted.home, "none", "rbind"))
    lines = [
        "set -e",
        "path=$PATH; PATH=/usr/sbin:/sbin:/usr/bin:/bin",
        f"mkdir -p {_q(root)}",
        f"{direct.tool('mount')} -t tmpfs -o mode=755 root {_q(root)}",
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
    lines.append(f"printf %s {_q(text)} > .mounts; {direct.tool('mount')} --all --fstab .mounts; rm .mounts")
    lines += [
        f"{direct.tool('pivot_root')} . .old",
        "cd /",
        f"{direct.tool('umount')} -l /.old",
        "rmdir /.old",
        f"cd {_q(folder)}",
    ]
    lines.append("PATH=$path")
    run = _restricted()
    lines += _first(run) if processes else [f"exec {run}"]
    return [*_unshared(processes=processes), "/bin/sh", "-c", "\n".join(lines), "sh", *arguments]


def _first(run: str) -> list[str]:
    """Return the lines that run a command from the first process of a namespace.

    That is a shell, not the command, because signals work differently for the first. Its standard error is closed
    meanwhile: it would print "Killed" when a signal ends the command.
    """
    return ["set +e", "exec 3>&2 2>/dev/null", f"(exec 2>&3 3>&-; exec {run})", "status=$?", "exec 3>&-", _COURTESY]


def _restricted() -> str:
    """Return the command line that runs the arguments of a shell without capabilities that could undo the mounts."""
    bounding = ",".join(["-all", *(f"+{capability}" for capability in CAPABILITIES)])
    root_only = f" --bounding-set={bounding}" if os.geteuid() == 0 else ""
    return f'{direct.tool("setpriv")} --no-new-privs --inh-caps=-all --ambient-caps=-all{root_only} -- "$@"'


def _unshared(*, processes: bool = False) -> list[str]:
    command = [direct.tool("unshare"), "--mount"]
    if processes:
        command += ["--pid", "--fork"]
    if os.geteuid() != 0:
        command += ["--user", "--map-current-user", "--keep-caps"]
    return command


def _overlay(overlay: Overlay) -> str:
    return f"{direct.tool('mount')} -t overlay overlay -o {_q(overlay.data)} {_q(str(overlay.target))}"


def _field(text: str) -> str:
    """Return a field of a table of mounts."""
    return "".join(f"\\{ord(sign):03o}" if sign in " \t\n\\#" else sign for sign in text)


_q = shlex.quote
