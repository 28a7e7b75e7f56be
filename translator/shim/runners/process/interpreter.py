"""Find out about the Python interpreter whose packages a step sees."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 20
_FACTS = """
import glob, importlib.util, json, os, site, sys, sysconfig
packages = list(site.getsitepackages())
if site.ENABLE_USER_SITE and os.path.isdir(site.getusersitepackages()):
    packages.append(site.getusersitepackages())
wheels = []
if importlib.util.find_spec("ensurepip"):
    import ensurepip
    places = [os.path.join(os.path.dirname(ensurepip.__file__), "_bundled"), sysconfig.get_config_var("WHEEL_PKG_DIR")]
    wheels = [wheel for place in places if place for wheel in sorted(glob.glob(os.path.join(place, "pip-*.whl")))]
facts = {
    "base": getattr(sys, "_base_executable", None) or sys.executable,
    "prefix": sys.prefix,
    "base_prefix": sys.base_prefix,
    "version": "%d.%d" % sys.version_info[:2],
    "packages": packages,
    "stdlib": [sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")],
    "pip": importlib.util.find_spec("pip") is not None,
    "wheels": wheels,
}
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python interpreter: ``base`` runs without packages of its environment, which are in ``packages``.

    ``pip`` is whether it has one; ``wheel`` is the one that comes with the standard library, if it does.
    """

    base: str
    prefix: str
    base_prefix: str
    version: str
    packages: tuple[str, ...]
    stdlib: tuple[str, ...]
    pip: bool
    wheel: str | None

    @property
    def directories(self) -> set[str]:
        """The directories that make up the environment, none of which a step may write to."""
        found = {*self.packages, *self.stdlib}
        # A prefix that the whole system shares holds more than an environment.
        found |= {prefix for prefix in (self.prefix, self.base_prefix) if prefix not in {"/", "/usr", "/usr/local"}}
        return found


@lru_cache(maxsize=1)
def current() -> Interpreter:
    """Return the interpreter of this worker."""
    names: dict[str, object] = {}
    exec(_FACTS, names)  # noqa: S102 - the same text is run by others
    return _interpreter(names["facts"])


def on_path(environment: Mapping[str, str]) -> Interpreter | None:
    """Return the interpreter that ``python`` is in an environment: mostly that of this worker; None if it is none."""
    path = environment.get("PATH", os.defpath)
    program = shutil.which("python", path=path) or shutil.which("python3", path=path)
    if program is None or str(Path(program).parent) == str(Path(sys.prefix) / "bin"):
        return current()
    try:
        return _facts_of(program, os.stat(program).st_mtime_ns)  # noqa: PTH116 - on every execution's path
    except OSError:
        return current()


@lru_cache(maxsize=16)
def _facts_of(program: str, changed: int) -> Interpreter | None:  # noqa: ARG001 - a key
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    try:
        printed = subprocess.run(
            [program, "-c", f"{_FACTS}\nprint(json.dumps(facts))"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=True,
            timeout=_SECONDS,
            env=clean,
        ).stdout
        return _interpreter(json.loads(printed))
    except (OSError, ValueError, KeyError, TypeError, subprocess.SubprocessError):  # or it is not an interpreter
        return None


def _interpreter(facts: object) -> Interpreter:
    if not isinstance(facts, dict):
        raise TypeError("not the facts of an interpreter")
    wheels = facts["wheels"]
    return Interpreter(
        facts["base"],
        facts["prefix"],
        facts["base_prefix"],
        facts["version"],
        tuple(dict.fromkeys(facts["packages"])),
        tuple(dict.fromkeys(facts["stdlib"])),
        facts["pip"],
        wheels[-1] if wheels else None,
    )
