"""Turn the mounts of a step into settings of its runner."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from translator import ir

_BIND = (None, "", "bind", "host")
"""The kinds of mounts that are a directory of the machine."""
_RUNNER, _SETTING = "docker", "volumes"
"""The runner that makes mounts, and the setting that names them."""


def without_mounts(runner: ir.Runner | None) -> tuple[str, str] | None:
    """Return that a runner makes no mounts at all, and what to do; None if it makes them."""
    if runner is not None and runner.name == _RUNNER:
        return None
    name = runner.name if runner is not None else "process"
    return f"the runner {name!r} makes no mounts", f'write runner = "{_RUNNER}" into translator.toml for this step'


def unfit(mount: ir.Mount) -> tuple[str, str] | None:
    """Return why no runner can make a mount, and what to do; None if one can."""
    if mount.kind not in _BIND or mount.options:
        hint = "mount it on the Docker host, and name its directory there as the source"
        return f"mounts of type {mount.kind!r} are not supported", hint
    if not mount.source.startswith("/") and "/" in mount.source:
        return "the source is not an absolute path", "name an absolute path of the Docker host"
    if ":" in mount.source + mount.target:
        return "the path has a colon", "use a path without colons"
    return None


def with_mounts(runner: ir.Runner | None, mounts: Sequence[ir.Mount]) -> ir.Runner | None:
    """Return a runner with the mounts that it can make, after those of its settings."""
    fit = [mount for mount in mounts if unfit(mount) is None]
    if runner is None or without_mounts(runner) is not None or not fit:
        return runner
    listed = tuple(f"{mount.source}:{mount.target}{':ro' if mount.read_only else ''}" for mount in fit)
    own_volumes = runner.settings.get(_SETTING, ())
    volumes = (*own_volumes, *listed) if isinstance(own_volumes, tuple) else listed
    return replace(runner, settings={**runner.settings, _SETTING: volumes})
