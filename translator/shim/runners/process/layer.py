"""Make a Python environment for one execution, layered over the worker's.

The layer is a virtual environment in which everything that the interpreter has can be imported. What ``pip`` and ``uv``
install goes into the layer, also with ``--user``; nothing is written to the environment below. Making one takes about
two milliseconds, because nothing is copied.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from translator.shim.runners.process.interpreter import Interpreter

# They name another place for packages, or another interpreter.
_ELSEWHERE = (
    "PYTHONHOME",
    "PIP_PREFIX",
    "PIP_PYTHON",
    "PIP_ROOT",
    "PIP_TARGET",
    "PIP_USER",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
)
# Each version of pip has its function elsewhere, but all run as a module.
_PIP = """\
import runpy
runpy.run_module("pip", run_name="__main__")
"""
_NO_PIP = """\
echo 'pip: there is no pip on this worker; install pip (python -m ensurepip) or uv in the environment of the worker' >&2
exit 1
"""
# The system's Python is the engine's; what installs there means the environment that the step has.
_UV = """\
#!/bin/sh
if [ "$1" = pip ]; then
  for word; do
    shift
    case $word in --system | --break-system-packages) ;; *) set -- "$@" "$word" ;; esac
  done
fi
exec {uv} "$@"
"""
# What pip says of itself, and of packages of the engine, is not the step's matter. For pip, "0" is "no warnings".
_SETTINGS = {"PIP_NO_WARN_CONFLICTS": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore"}
_SHEBANG = 120


def make(folder: Path, interpreter: Interpreter, path: str) -> None:
    """Make a layer in the new directory ``folder``.

    Args:
        folder: where it is, on this worker and for the command.
        interpreter: what it is layered over.
        path: where programs are looked for without the layer.

    Raises:
        OSError: it cannot be made.
    """
    programs = folder / "bin"
    packages = folder / "lib" / f"python{interpreter.version}" / "site-packages"
    packages.mkdir(parents=True)
    programs.mkdir()
    # Only "true" shows Python the packages of the base, and only "false" keeps pip from installing with --user.
    _write(
        folder / "pyvenv.cfg",
        f"home = {os.path.dirname(interpreter.base)}\n"  # noqa: PTH120 - on every execution's path
        "include-system-site-packages = no\n",
    )
    for name in ("python", "python3", f"python{interpreter.version}"):
        (programs / name).symlink_to(interpreter.base)
    # Python reads the file twice; it also says between the two that there are no packages of the user.
    lines = [f"import site, sys; {p!r} in sys.path or site.addsitedir({p!r})" for p in interpreter.packages]
    lines.append("import site; site.ENABLE_USER_SITE = True")
    uv = shutil.which("uv", path=path)
    if uv is not None:
        _write(programs / "uv", _UV.format(uv=_quoted(uv)), executable=True)
    if interpreter.pip:
        pip = _python_script(folder, _PIP)
    elif interpreter.wheel is not None:
        lines.append(interpreter.wheel)
        pip = _python_script(folder, _PIP)
    elif uv is not None:
        pip = f'#!/bin/sh\nexec {_quoted(uv)} pip "$@"\n'
    else:
        pip = f"#!/bin/sh\n{_NO_PIP}"
    _write(packages / "_worker.pth", "\n".join(lines) + "\n")
    _write(programs / "pip", pip, executable=True)
    for name in ("pip3", f"pip{interpreter.version}"):
        (programs / name).symlink_to("pip")


def environment(folder: Path, interpreter: Interpreter, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment with which programs use the layer."""
    kept = {name: value for name, value in inherited.items() if name not in _ELSEWHERE and not name.startswith("CONDA")}
    if "PYTHONPATH" in kept:
        below = tuple(f"{directory}/" for directory in interpreter.directories)
        entries = [entry for entry in kept["PYTHONPATH"].split(os.pathsep) if not f"{entry}/".startswith(below)]
        kept["PYTHONPATH"] = os.pathsep.join(entries)
        if not entries:
            del kept["PYTHONPATH"]
    kept = {**_SETTINGS, **kept}
    kept["VIRTUAL_ENV"] = kept["PYTHONUSERBASE"] = str(folder)
    kept["PATH"] = f"{folder}/bin{os.pathsep}{inherited.get('PATH', os.defpath)}"
    return kept


def _python_script(folder: Path, text: str) -> str:
    python = f"{folder}/bin/python"
    if len(python) <= _SHEBANG:
        return f"#!{python}\n{text}"
    return f"#!/bin/sh\n'''exec' {_quoted(python)} \"$0\" \"$@\"\n' '''\n{text}"


def _quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)


def _write(path: Path, text: str, *, executable: bool = False) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o755 if executable else 0o644)
    try:
        os.write(handle, text.encode("utf-8", "surrogateescape"))
    finally:
        os.close(handle)
